"""Child process that drives the espeak-ng library. Run by file path; it imports nothing of the package.

espeak-ng keeps global state, may crash on odd input, and is licensed GPL-3.0, so it lives here, alone in a process.

Protocol: requests are JSON lines on stdin. Each answer on stdout is one JSON line, followed by `num_bytes` bytes of
native-endian int16 mono samples where that key is present. End of stdin ends the process.

Arguments: path of the shared library. The working directory must hold `espeak-ng-data`: a relative data path keeps
clear of espeak's limit of about 157 bytes.
"""

import array
import ctypes
import json
import os
import sys

AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_PHONEME_EVENTS, INITIALIZE_PHONEME_IPA, INITIALIZE_DONT_EXIT = 0x1, 0x2, 0x8000
CHARS_UTF8, SSML, PHONEMES, END_PAUSE = 0x1, 0x10, 0x100, 0x1000
POSITION_CHARACTER = 1
EVENT_END_OF_LIST, EVENT_WORD, EVENT_PHONEME = 0, 1, 7
RANDOM_SEED = 1
PARAMETERS = {"rate_wpm": 1, "volume": 2, "pitch": 3, "pitch_range": 4}


class EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", EventId),
    ]


class VoiceRecord(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


class Engine:
    """The library, initialised once."""

    def __init__(self, library_path):
        self.library = ctypes.CDLL(library_path)
        self.library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(VoiceRecord))
        self.library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self.library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        options = INITIALIZE_PHONEME_EVENTS | INITIALIZE_PHONEME_IPA | INITIALIZE_DONT_EXIT
        self.sample_rate = self.library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, b".", options)
        if self.sample_rate <= 0:
            raise RuntimeError(f"espeak-ng could not read its data in {os.getcwd()}")
        self.samples, self.phones, self.words = array.array("h"), [], []
        # The library keeps a bare pointer to the callback, so it must live as long as the engine.
        self.callback = SynthCallback(self.receive)
        self.library.espeak_SetSynthCallback(self.callback)
        self.voice = None

    def receive(self, wave, num_samples, event):
        if wave and num_samples > 0:
            self.samples.frombytes(ctypes.string_at(wave, 2 * num_samples))
        index = 0
        while event[index].type != EVENT_END_OF_LIST:
            item = event[index]
            if item.type == EVENT_PHONEME:
                # The field has 8 bytes and may cut a character of the IPA in two.
                self.phones.append([item.sample, item.id.string.decode("utf-8", "ignore")])
            elif item.type == EVENT_WORD:
                self.words.append([item.sample, item.text_position - 1, item.length])
            index += 1
        return 0

    def voices(self, kind):
        """`kind` is None for languages, "variant" for timbres."""
        if kind is None:
            records = self.library.espeak_ListVoices(None)
        else:
            specification = VoiceRecord(languages=ctypes.cast(ctypes.c_char_p(kind.encode()), ctypes.c_void_p))
            records = self.library.espeak_ListVoices(ctypes.byref(specification))
        found = []
        index = 0
        while records[index]:
            record = records[index].contents
            found.append(
                {
                    "name": record.name.decode("utf-8", "replace"),
                    "identifier": record.identifier.decode("utf-8", "replace"),
                    "languages": read_languages(record.languages),
                    "gender": record.gender,
                    "age": record.age,
                }
            )
            index += 1
        return found

    def set_voice(self, voice):
        if voice != self.voice and self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            self.voice = None
            raise LookupError(f"espeak-ng cannot load the voice {voice}")
        self.voice = voice

    def synthesise(self, text, voice, ssml, phonemes, parameters):
        self.set_voice(voice)
        for name, number in PARAMETERS.items():
            self.library.espeak_SetParameter(number, parameters[name], 0)
        self.samples, self.phones, self.words = array.array("h"), [], []
        # Breathy voices draw noise from a generator that the library seeds with the time.
        self.library.espeak_ng_SetRandSeed(RANDOM_SEED)
        encoded = text.encode()
        flags = CHARS_UTF8 | END_PAUSE | (SSML if ssml else 0) | (PHONEMES if phonemes else 0)
        status = self.library.espeak_Synth(encoded, len(encoded) + 1, 0, POSITION_CHARACTER, 0, flags, None, None)
        if status != 0:
            raise RuntimeError(f"espeak-ng failed with status {status}")
        return self.samples.tobytes(), self.phones, self.words


def read_languages(address):
    """`[priority, code]` pairs, the lowest priority is the best match. In memory: a byte, a C string, ... , a zero."""
    languages = []
    while address and ctypes.string_at(address, 1) != b"\0":
        code = ctypes.string_at(address + 1)
        languages.append([ctypes.string_at(address, 1)[0], code.decode("ascii", "replace")])
        address += len(code) + 2
    return languages


def answer(engine, request):
    command = request.pop("command")
    if command == "voices":
        return {"voices": engine.voices(None), "variants": engine.voices("variant")}, b""
    if command == "synthesise":
        samples, phones, words = engine.synthesise(**request)
        header = {"num_bytes": len(samples), "sample_rate": engine.sample_rate, "phones": phones, "words": words}
        return header, samples
    raise ValueError(f"unknown command {command}")


def serve(library_path):
    requests = sys.stdin.buffer
    # Nothing that the library prints may reach the protocol's pipe.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(header, payload=b""):
        answers.write(json.dumps(header).encode() + b"\n" + payload)
        answers.flush()

    try:
        engine = Engine(library_path)
    except (AttributeError, OSError, RuntimeError) as error:
        send({"error": str(error)})
        return
    send({"ready": True})
    for line in requests:
        try:
            header, payload = answer(engine, json.loads(line))
        except (LookupError, RuntimeError, ValueError) as error:
            header, payload = {"error": str(error)}, b""
        send(header, payload)


if __name__ == "__main__":
    serve(sys.argv[1])
