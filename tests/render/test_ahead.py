import threading
import time
from dataclasses import replace

import pytest
import torch

from vlogger_core.render.ahead import aside, frames_at_once, in_order
from vlogger_core.render.maps import ControlMaps
from vlogger_core.threads import limit_threads

from .bodies import arm_fit, shoulder_motion


def ignore(t: int) -> None:
    pass


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_frames_come_in_order_whichever_is_ready_first(at_once: int) -> None:
    polled: list[int] = []

    def make(t, poll):
        time.sleep(0.02 * (t % 2 == 0))
        poll()
        return t

    assert list(in_order(make, 7, at_once=at_once, poll=polled.append)) == list(range(7))
    assert polled == sorted(polled)
    assert set(polled) == set(range(7))


def test_no_more_are_made_than_asked_for() -> None:
    begun: list[int] = []
    frames = in_order(lambda t, poll: begun.append(t), 100, at_once=2, poll=ignore)
    assert not begun
    next(frames)
    time.sleep(0.05)
    assert begun == [0, 1]
    frames.close()


@pytest.mark.parametrize("at_once", [1, 2])
def test_an_error_comes_with_its_frame(at_once: int) -> None:
    def make(t, poll):
        if t == 1:
            raise KeyError("one")
        return t

    frames = in_order(make, 3, at_once=at_once, poll=ignore)
    assert next(frames) == 0
    with pytest.raises(KeyError, match="one"):
        next(frames)


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_stopping_stops_the_frames_being_made(how: str) -> None:
    begun, ended = threading.Event(), threading.Event()

    def make(t, poll):
        if t == 0:
            return t
        begun.set()
        try:
            while True:
                time.sleep(1.5)
                poll()
        finally:
            ended.set()

    def cancel(t: int) -> None:
        if t == 1:
            raise InterruptedError

    frames = in_order(make, 5, at_once=2, poll=cancel)
    next(frames)
    assert begun.wait(10)
    start = time.monotonic()
    if how == "closed":
        frames.close()
    else:
        with pytest.raises(InterruptedError):
            next(frames)
    assert time.monotonic() - start < 1
    assert ended.wait(10)


@pytest.mark.parametrize("at_once", [1, 2])
def test_frames_are_made_in_the_callers_grad_mode_on_one_thread(at_once: int) -> None:
    def make(t, poll):
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_num_threads()

    assert set(in_order(make, 3, at_once=at_once, poll=ignore)) == {(True, False, 1)}
    with torch.inference_mode():
        assert set(in_order(make, 3, at_once=at_once, poll=ignore)) == {(False, True, 1)}


def test_work_aside_gives_its_result_and_can_be_stopped() -> None:
    polled: list[None] = []
    assert aside(lambda poll: time.sleep(0.3) or 7, lambda: polled.append(None)) == 7
    assert len(polled) > 1

    def cancel() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        aside(lambda poll: 7, cancel)


def test_how_many_at_once() -> None:
    cpu = torch.device("cpu")
    with limit_threads(1):
        assert frames_at_once((512, 512), cpu) == 1
    assert frames_at_once((512, 512), torch.device("cuda")) == 1
    assert frames_at_once((8192, 8192), cpu) == 1


def test_the_number_of_threads_does_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    lift = torch.linspace(0, 1, 6)[:, None, None] * shoulder_motion(0.7).joint_rotvec
    still = {"expression": torch.zeros(6, 52), "translation": torch.zeros(6, 3)}
    controls = ControlMaps(arm_fit(), replace(shoulder_motion(0.7), joint_rotvec=lift, **still))
    maps = ("dense", "joint_parts", "warp", "warp_flow", "normal")
    films = []
    for at_once in (1, 2):
        monkeypatch.setattr("vlogger_core.render.maps.frames_at_once", lambda size, device, k=at_once: k)
        films.append(controls.frames(0, 6, maps))
    for name in (*maps, "warp_valid", "warp_flow_confidence"):
        assert torch.equal(getattr(films[0], name), getattr(films[1], name))
