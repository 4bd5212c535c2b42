"""``environment.yml`` installs: as conda and Binder do it, with pip, in an environment made for it.

It fetches every package again, so it is no part of `make test`: `make test-conda` runs it, and so does CI.
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.utils import canonicalize_name
from test_environment import applies, conda_pins, pip_lines, run

from autograder.environment import bootstrap


def test_the_list_for_conda_installs_in_a_fresh_environment(course_copy: Path, tmp_path: Path) -> None:
    """From the course's folder, on the lines of ``environment.yml``."""
    venv = tmp_path / "fresh"
    run([sys.executable, "-m", "venv", venv], cwd=course_copy)
    python = bootstrap.venv_python(venv)
    lines = course_copy / "conda-pip-lines.txt"
    lines.write_text("\n".join(pip_lines()) + "\n", encoding="utf-8")
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"]
    run([python, "-m", "pip", "install", *quiet, "-r", lines.name], cwd=course_copy)

    assert run([python, "-m", "pip", "check"], cwd=course_copy).strip() == "No broken requirements found."
    frozen = run(
        [python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"], cwd=course_copy
    )
    got = {canonicalize_name(n): v for n, _, v in (line.partition("==") for line in frozen.splitlines())}
    wanted = {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in conda_pins() if applies(pin)}
    assert {name: got.get(name) for name in wanted} == wanted
    assert not {"pytest", "playwright", "ruff"} & got.keys(), "learners need no developers' tools"

    look = "from userops import load; print(len(load('users')) > 0)"
    elsewhere = course_copy / "notebooks" / "en"
    assert run([python, "-c", look], cwd=elsewhere).strip() == "True"
    assert (venv / "share/jupyter/labextensions/@jupyter/nbgrader/package.json").is_file()
    assert "lab" in run([python.parent / "userops", "--help"], cwd=elsewhere)
