"""The walls: where there are none, grading says so; where there are, each of them holds."""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterator

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.engine import Engine, Job, Limits, chapter_plan, sandbox, seccomp
from userops.errors import CourseError


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without bubblewrap."""
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    sandbox.missing.cache_clear()
    yield
    sandbox.missing.cache_clear()


def test_without_bubblewrap_grading_stops_with_a_sentence_that_names_what_is_lost(nowhere: None) -> None:
    with pytest.raises(CourseError, match=r"bubblewrap is not installed.*read your files.*--unconfined"):
        next(iter(Engine(workers=1).run(chapter_plan("any", ()), [Job("me", new_notebook(), "en")])))


def test_elsewhere_than_on_linux_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    sandbox.missing.cache_clear()
    with pytest.raises(CourseError, match=r"confining needs Linux \(on macOS"):
        sandbox.require(True)
    sandbox.require(False)
    sandbox.missing.cache_clear()


def test_on_request_it_goes_on_without_walls(nowhere: None) -> None:
    notebook = new_notebook(
        cells=[new_code_cell("import os\nprint(len(os.listdir('/')) > 0)"), new_code_cell("1 / 0")]
    )
    with Engine(workers=1, confined=False, limits=Limits(cell_seconds=10)) as engine:
        (ran,) = engine.run(chapter_plan("any", ()), [Job("me", notebook, "en")])
    assert ran.trouble is None
    assert ran.notebook.cells[0].outputs[0].text == "True\n"
    assert ran.notebook.cells[1].outputs[0].ename == "ZeroDivisionError"


@pytest.mark.parametrize("machine", seccomp.CALLS)
def test_the_filter_of_calls_answers_as_it_should(machine: str) -> None:
    """Run the little program by hand, as the kernel would."""
    architecture, calls = seccomp.CALLS[machine]

    def answer(number: int, argument: int = 0, arch: int = architecture) -> int:
        data = struct.pack("<IIQQ", number, arch, 0, argument)
        program = seccomp.call_filter(machine)
        steps = [struct.unpack_from("<HBBI", program, place) for place in range(0, len(program), 8)]
        place = held = 0
        while True:
            code, yes, no, value = steps[place]
            place += 1
            if code == 0x06:
                return value
            if code == 0x20:
                held = struct.unpack_from("<I", data, value)[0]
            elif code == 0x15:
                place += yes if held == value else no
            elif code == 0x35:
                place += yes if held >= value else no
            elif code == 0x45:
                place += yes if held & value else no
            else:
                raise AssertionError(f"an instruction that is not used here: {code:#x}")

    read = {"x86_64": 0, "aarch64": 63}[machine]
    assert answer(read) == seccomp._ALLOW
    assert answer(read, arch=0x40000003) == seccomp._KILL
    assert answer(calls["socket"]) == answer(calls["ptrace"]) == answer(calls["execve"]) == seccomp._EPERM
    assert answer(calls["clone3"]) == seccomp._ENOSYS
    assert answer(calls["clone"], 17) == seccomp._EPERM
    assert answer(calls["clone"], 0x3D0F00) == seccomp._ALLOW  # a thread
    # The first argument stands behind number, architecture and instruction pointer.
    assert {answer(number) for name, number in calls.items() if name not in ("clone", "clone3")} == {
        seccomp._EPERM
    }


def test_a_thread_may_be_made_and_a_process_may_not() -> None:
    source = (
        "import os, threading\nt = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
        "try:\n    os.fork()\nexcept OSError as error:\n    print(type(error).__name__)"
    )
    with Engine(workers=1) as engine:
        (ran,) = engine.run(
            chapter_plan("any", ()), [Job("me", new_notebook(cells=[new_code_cell(source)]), "en")]
        )
    assert ran.notebook.cells[0].outputs[0].text == "thread\nPermissionError\n"


def test_this_machine_is_one_of_those_that_are_prepared() -> None:
    assert platform.machine() in seccomp.CALLS
