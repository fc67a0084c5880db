"""The neural voices that the Neural Speech node offers, each with its language, who speaks, and its licence.

A fixed list, because importing the pack must not import the core; a test compares it with the core's. Only what stands
before the first blank matters.
"""

_KOKORO_LANGUAGES = {
    "a": "English (US)", "b": "English (GB)", "e": "Spanish", "f": "French", "h": "Hindi", "i": "Italian",
    "p": "Portuguese (BR)",
}  # fmt: skip
_KOKORO = (
    "af_heart", "af_alloy", "af_aoede", "af_bella", "af_jessica", "af_kore", "af_nicole", "af_nova", "af_river",
    "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael", "am_onyx", "am_puck",
    "am_santa", "bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george", "bm_lewis",
    "ef_dora", "em_alex", "em_santa", "ff_siwis", "hf_alpha", "hf_beta", "hm_omega", "hm_psi", "if_sara", "im_nicola",
    "pf_dora", "pm_alex", "pm_santa",
)  # fmt: skip
_SUPERTONIC_LANGUAGES = {
    "en": "English", "ko": "Korean", "ja": "Japanese", "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "es": "Spanish", "et": "Estonian", "fi": "Finnish", "fr": "French",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "lt": "Lithuanian",
    "lv": "Latvian", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovenian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
}  # fmt: skip
_SUPERTONIC_STYLES = ("F1", "F2", "F3", "F4", "F5", "M1", "M2", "M3", "M4", "M5")
_PIPER = {
    "en_US-ljspeech-high": "English (US) · public domain",
    "en_US-ljspeech-medium": "English (US) · public domain",
    "en_US-kristin-medium": "English (US) · public domain",
    "en_GB-cori-high": "English (GB) · public domain",
    "de_DE-thorsten-high": "German · CC0",
}
_POCKET = {
    "alba": "CC BY 4.0", "marius": "CC BY 4.0, CC0", "javert": "CC BY 4.0, CC0", "anna": "CC BY 4.0",
    "vera": "CC BY 4.0", "fantine": "CC BY 4.0", "charles": "CC BY 4.0", "paul": "CC BY 4.0", "eponine": "CC BY 4.0",
    "azelma": "CC BY 4.0", "george": "CC BY 4.0", "mary": "CC BY 4.0", "jane": "CC BY 4.0", "michael": "CC BY 4.0",
    "eve": "CC BY 4.0",
}  # fmt: skip
_PEOPLE = {"f": "woman", "m": "man"}

NEURAL_VOICES = (
    *(f"kokoro/{voice} · {_KOKORO_LANGUAGES[voice[0]]}, {_PEOPLE[voice[1]]} · Apache-2.0" for voice in _KOKORO),
    *(f"piper/{voice} · {about}" for voice, about in _PIPER.items()),
    *(f"pocket/{voice} · English · {licence}" for voice, licence in _POCKET.items()),
    *(
        f"supertonic/{code}/{style} · {language}, {_PEOPLE[style[0].lower()]} · OpenRAIL-M"
        for code, language in _SUPERTONIC_LANGUAGES.items()
        for style in _SUPERTONIC_STYLES
    ),
)
"""Every voice that can be downloaded."""


def voice_name(choice: str) -> str:
    """The core's name for a choice: what stands before the first blank, or a file's whole name."""
    return choice if choice.endswith(".onnx") else choice.partition(" ")[0]
