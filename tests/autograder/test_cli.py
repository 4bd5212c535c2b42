"""The command line: help with an example everywhere, one sentence and exit 2 for bad input."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import pytest

from autograder import cli
from userops.errors import CourseError


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    said = capsys.readouterr().out
    assert stop.value.code == 0
    assert all(f"    {name} " in said for name in cli.COMMANDS)
    assert "Example: userops check ch01 --lang zh" in said


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    said = capsys.readouterr().out
    assert stop.value.code == 0
    assert said.startswith(f"usage: userops {name}")
    assert f" userops {name} " in said.partition("xample")[2]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_offers_what_the_parser_needs(name: str) -> None:
    module = importlib.import_module(cli.COMMANDS[name][0])
    assert module.__doc__ and module.__doc__.splitlines()[0].endswith(".")
    module.add_arguments(argparse.ArgumentParser())
    assert callable(module.run)


def test_no_command_and_an_unknown_one_say_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["grad"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 2
    assert "choose from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (
            CourseError("The port is taken: choose another."),
            2,
            "userops lab: The port is taken: choose another.\n",
        ),
        (KeyboardInterrupt(), 130, "userops lab: interrupted"),
    ],
)
def test_what_is_meant_for_people_is_printed_without_a_traceback(
    raised: BaseException,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(args: argparse.Namespace) -> int:
        raise raised

    monkeypatch.setattr("autograder.commands.lab.run", run)
    assert cli.main(["lab"]) == status
    said = capsys.readouterr()
    assert said.err.startswith(words) and said.out == ""
    assert "Traceback" not in said.err


def test_an_error_of_ours_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the course's own code must not look like bad input."""

    def run(args: argparse.Namespace) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("autograder.commands.lab.run", run)
    with pytest.raises(ZeroDivisionError):
        cli.main(["lab"])


def test_the_command_is_installed_beside_the_python() -> None:
    assert (Path(sys.executable).parent / "userops").is_file()
