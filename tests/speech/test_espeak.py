import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from vlogger_core.datatypes import Audio
from vlogger_core.errors import InputError
from vlogger_core.speech import Espeak, EspeakError, synthesise
from vlogger_core.speech.espeak import is_phone

TEXT = "Please bring more paper. We will be back by five!"


@pytest.fixture(scope="module")
def espeak() -> Iterator[Espeak]:
    with Espeak() as espeak:
        yield espeak


def level(audio: Audio, start_s: float, end_s: float) -> float:
    first, last = int(start_s * audio.sample_rate), int(end_s * audio.sample_rate)
    return float(audio.waveform[0, first:last].square().mean().sqrt())


def test_speech_is_mono_sound_in_range(espeak: Espeak) -> None:
    audio, _ = espeak.synthesise(TEXT)
    assert audio.waveform.shape[0] == 1
    assert audio.waveform.dtype == torch.float32
    assert audio.sample_rate == 22050
    assert 2 < audio.duration_s < 6
    assert 0.1 < audio.waveform.abs().max() <= 1


def test_labels_are_in_order_and_lie_on_the_sound(espeak: Espeak) -> None:
    audio, timings = espeak.synthesise(TEXT)
    assert [word.text for word in timings.words] == TEXT.replace(".", "").replace("!", "").split()
    for labels in (timings.phones, timings.words):
        assert all(label.start_s < label.end_s <= audio.duration_s for label in labels)
        assert all(first.end_s <= second.start_s + 1e-9 for first, second in itertools.pairwise(labels))
    assert all(is_phone(phone.text) for phone in timings.phones)
    phones = "".join(phone.text for phone in timings.phones)
    assert phones.startswith("plˈiː")
    assert phones.endswith("fˈaɪv")
    paper, we = timings.words[3], timings.words[4]
    assert level(audio, paper.start_s, paper.end_s) > 20 * level(audio, paper.end_s + 0.1, we.start_s)


def test_joining_sentences_sounds_as_long_as_one_piece() -> None:
    first, second = "Please bring more paper.", "We will be back by five!"
    joined = synthesise(f"{first} {second}")[0]
    with Espeak(shared_process=True) as espeak:
        parts = [espeak.synthesise(text)[0].waveform for text in (first, second)]
    assert torch.equal(joined.waveform, torch.cat(parts, dim=1))


@pytest.mark.parametrize("voice", ["en-us", "de+f3", "en-us+whisper", "fr-fr"])
def test_sentences_are_joined_without_clicks(voice: str) -> None:
    with Espeak(shared_process=True) as espeak:
        pieces = [espeak.synthesise(text, voice=voice)[0].waveform[0] for text in ("Maria am Abend.", "Vier Ave!")]
    assert pieces[0][-200:].abs().max() < 1e-3
    assert abs(pieces[1][0] - pieces[0][-1]) < 0.02


@pytest.mark.slow
def test_a_hundred_thousand_characters() -> None:
    text = ("The quick brown fox jumps over the lazy dog. Shall we go? " * 2000)[:100_000]
    told = []
    audio, timings = synthesise(text, progress=lambda done, total: told.append((time.monotonic(), done)))
    assert audio.duration_s > 5000
    assert len(timings.words) > 18_000
    assert max(later - earlier for (earlier, _), (later, _) in itertools.pairwise(told)) < 2


def test_the_same_text_gives_the_same_samples(espeak: Espeak) -> None:
    audio, timings = espeak.synthesise(TEXT, voice="en-gb+f3")
    espeak.synthesise("Something else.", voice="de")
    again, timings_again = espeak.synthesise(TEXT, voice="en-gb+f3")
    time.sleep(1.1)  # espeak-ng would seed its noise with the second.
    elsewhere, _ = synthesise(TEXT, voice="en-gb+f3")
    assert torch.equal(audio.waveform, again.waveform)
    assert torch.equal(audio.waveform, elsewhere.waveform)
    assert timings == timings_again


def test_a_shared_process_repeats_its_sequence() -> None:
    sequences = []
    for _ in range(2):
        with Espeak(shared_process=True) as espeak:
            sequences.append([espeak.synthesise(TEXT, voice=voice)[0].waveform for voice in ("de", "fr", "de+f3")])
    assert all(torch.equal(a, b) for a, b in zip(*sequences, strict=True))


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("今天天气很好。", "cmn"),
        ("Привет мир", "ru"),
        ("مرحبا بالعالم", "ar"),
        ("नमस्ते दुनिया", "hi"),
        ("xin chào", "vi"),
        ("Grüß Gott", "de+f2"),
    ],
)
def test_languages_are_spoken(espeak: Espeak, text: str, voice: str) -> None:
    audio, timings = espeak.synthesise(text, voice=voice)
    assert audio.duration_s > 0.5
    assert len(timings.phones) >= 5
    assert all(is_phone(phone.text) for phone in timings.phones)


def test_settings_change_the_speech(espeak: Espeak) -> None:
    plain = espeak.synthesise(TEXT)[0]
    assert espeak.synthesise(TEXT, rate_wpm=320)[0].duration_s < 0.7 * plain.duration_s
    quiet = espeak.synthesise(TEXT, volume=25)[0].waveform
    assert quiet.square().mean() < 0.2 * plain.waveform.square().mean()
    assert not torch.equal(espeak.synthesise(TEXT, pitch=90)[0].waveform, plain.waveform)
    assert not torch.equal(espeak.synthesise(TEXT, pitch_range=0)[0].waveform, plain.waveform)


def test_phonemes_and_ssml_are_read_only_when_asked(espeak: Espeak) -> None:
    phones = "".join(phone.text for phone in espeak.synthesise("[[p'ap@]]", phonemes=True)[1].phones)
    assert phones.replace("ˈ", "") == "pæpə"
    assert len(espeak.synthesise("[[p'ap@]]")[1].phones) != 4
    pause = '<speak>Hi <break time="2s"/> you.</speak>'
    assert 2 < espeak.synthesise(pause, ssml=True)[0].duration_s < 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": ""}, "no text to speak"),
        ({"text": "..."}, "finds nothing to say"),
        ({"text": "你好"}, "does not speak Chinese"),
        ({"text": "Hi", "voice": "klingon"}, "no voice"),
        ({"text": "Hi", "rate_wpm": 79}, "rate_wpm must be a whole number of 80 to 450. Got 79"),
        ({"text": "Hi", "pitch": 100}, "pitch must be a whole number of 0 to 99"),
        ({"text": "Hi", "pitch_range": -1}, "pitch_range must be"),
        ({"text": "Hi", "volume": 201}, "volume must be a whole number of 0 to 200"),
    ],
)
def test_what_cannot_be_spoken_is_refused(espeak: Espeak, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        espeak.synthesise(**arguments)


def test_a_killed_process_costs_one_error(espeak: Espeak) -> None:
    before = espeak.synthesise(TEXT)[0].waveform

    def kill(done: int, total: int) -> None:
        if done == 1:
            assert espeak._process is not None
            os.kill(espeak._process.process.pid, signal.SIGTERM)
            espeak._process.process.wait()

    with pytest.raises(
        EspeakError, match=r'sentence "We will be back by five!": the espeak-ng process stopped \(signal'
    ):
        espeak.synthesise(TEXT, progress=kill)
    assert torch.equal(espeak.synthesise(TEXT)[0].waveform, before)


def test_cancelling_a_long_text_is_quick_and_leaves_no_process() -> None:
    class Cancelled(Exception):
        pass

    reports = []

    def cancel(done: int, total: int) -> None:
        reports.append((done, total))
        if done == 3:
            raise Cancelled

    with Espeak() as espeak:
        start = time.monotonic()
        with pytest.raises(Cancelled):
            espeak.synthesise("This is a sentence. " * 5000, progress=cancel)
        assert time.monotonic() - start < 2
        assert reports[0] == (0, 5000)
        process = espeak._process
    assert process is None or process.process.poll() is not None


def test_close_ends_the_process_and_a_later_call_starts_another() -> None:
    espeak = Espeak(shared_process=True)
    espeak.synthesise("Hi.")
    assert espeak._process is not None
    process, threads = espeak._process.process, threading.active_count()
    espeak.close()
    assert process.poll() is not None
    assert espeak.synthesise("Hi.")[0].duration_s > 0
    espeak.close()
    time.sleep(0.1)
    assert threading.active_count() <= threads


def test_a_long_installation_path_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import espeakng_loader

    folder = tmp_path / ("ö" * 60) / ("long" * 30)
    folder.mkdir(parents=True)
    data = folder / "espeak-ng-data"
    data.symlink_to(espeakng_loader.get_data_path(), target_is_directory=True)
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(data))
    assert len(os.fsencode(data)) > 200
    assert synthesise("Hi.")[0].duration_s > 0


def test_under_inference_mode() -> None:
    with torch.inference_mode():
        audio, _ = synthesise("Hi.")
    assert audio.waveform.isfinite().all()
