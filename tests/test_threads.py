import threading
from collections.abc import Iterator

import pytest
import torch

from vlogger_core.threads import limit_threads, one_thread


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def in_new_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_the_lowest_limit_of_nested_blocks_holds_and_all_are_undone() -> None:
    with limit_threads(2):
        assert torch.get_num_threads() == 2
        with one_thread():
            assert torch.get_num_threads() == 1
            with limit_threads(3):
                assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 4
    with limit_threads(8):
        assert torch.get_num_threads() == 4


def test_an_error_undoes_the_limit() -> None:
    with pytest.raises(RuntimeError), one_thread():
        raise RuntimeError
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_overlapping_blocks_leave_every_thread_as_it_was(first_leaves_first: bool) -> None:
    entered, leave = threading.Event(), threading.Event()
    counts: list[int] = []

    def work() -> None:
        with limit_threads(2):
            counts.append(torch.get_num_threads())
            entered.set()
            leave.wait(10)
        counts.append(torch.get_num_threads())

    thread = threading.Thread(target=work)
    with one_thread():
        thread.start()
        assert entered.wait(10)
        assert torch.get_num_threads() == 1
        if not first_leaves_first:
            leave.set()
            thread.join()
    if first_leaves_first:
        leave.set()
        thread.join()
    assert counts == [2, 4]
    assert torch.get_num_threads() == 4
    assert in_new_thread() == 4


def test_a_limit_below_one_is_told() -> None:
    with pytest.raises(ValueError, match=r"most must be at least 1\. Got 0"), limit_threads(0):
        pass
