"""Every chapter in ``solutions/``, in both languages: what an author promises and a learner relies on."""

from __future__ import annotations

import functools
import os
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from autograder.authoring.build import build
from autograder.authoring.case_table import table
from autograder.authoring.cases import CaseResult, GradedTest, run_chapter, run_untouched
from autograder.authoring.chapter import Chapter, read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.lints.rules import lint
from autograder.authoring.repository import chapter_paths, find_root, notebook_path

ROOT = find_root(Path(__file__).parent)
NAMES = [path.stem for path in chapter_paths(ROOT)]
MEMORY_LIMIT = 1_000_000_000  # bytes a chapter may use at its peak

every_chapter = pytest.mark.parametrize("name", NAMES)
# A chapter's results in one language are worked out once: its tests stay in one worker (--dist loadgroup).
every_edition = pytest.mark.parametrize(
    ("name", "lang"),
    [
        pytest.param(name, lang, id=f"{name}-{lang}", marks=pytest.mark.xdist_group(f"{name}-{lang}"))
        for name in NAMES
        for lang in ("en", "zh")
    ],
)


@functools.cache
def chapter(name: str) -> Chapter:
    return read_chapter(ROOT / "solutions" / f"{name}.md")


@functools.cache
def results(name: str, lang: str) -> list[CaseResult]:
    return run_chapter(chapter(name), lang)


@functools.cache
def untouched(name: str, lang: str) -> list[GradedTest]:
    return run_untouched(chapter(name), lang)


def test_there_are_chapters():
    assert NAMES


# --- the source


@every_chapter
def test_lints_find_nothing(name):
    assert [str(problem) for problem in lint(chapter(name))] == []


@every_chapter
def test_a_chapter_holds_what_every_chapter_holds(name):
    tests = "\n".join(cell.source for cell in chapter(name).of_kind("test"))
    worked = "\n".join(cell.source for cell in chapter(name).of_kind("worked"))
    assert len(chapter(name).exercises) >= 5
    assert list(chapter(name).of_kind("memo"))
    assert "check.chart(" in tests
    assert "check.decision(" in tests
    assert ".explore(" in worked
    assert "BEGIN HIDDEN TESTS" in tests


@every_chapter
def test_every_exercise_has_cases_enough(name):
    for exercise in chapter(name).exercises:
        count = Counter(
            "right" if c.case.right and c.case.points is None else "wrong" for c in exercise.cases
        )
        assert count["right"] >= 2, exercise.key
        assert count["wrong"] >= 3, exercise.key


# --- its exercises


@every_edition
def test_every_case_behaves(name, lang):
    wrong = [result for result in results(name, lang) if not result.ok]
    assert not wrong, "\n" + table(wrong)


@every_edition
def test_reference_solutions_earn_everything(name, lang):
    references = [result for result in results(name, lang) if result.role == "reference"]
    assert len(references) == len(chapter(name).exercises)
    memos = sum(memo.points for memo in chapter(name).of_kind("memo"))
    assert sum(result.points for result in references) + memos == chapter(name).points


@every_edition
def test_the_untouched_notebook_earns_zero(name, lang):
    graded = untouched(name, lang)
    assert [g.grade_id for g in graded] == [cell.grade_id for cell in chapter(name).of_kind("test")]
    assert [(g.grade_id, g.points) for g in graded if g.points] == []
    released = edition(chapter(name), lang, release=True)
    memos = [c for c in released.cells if c.cell_type == "markdown" and "nbgrader" in c.metadata]
    assert [determine_grade(memo)[0] for memo in memos] == [0] * len(memos)


# --- its notebooks


@every_edition
def test_the_committed_notebook_is_a_fresh_build(name, lang):
    report = build(ROOT, check=True, only=[name])
    path = notebook_path(ROOT, name, lang).relative_to(ROOT).as_posix()
    assert report.stale.get(path) is None, f"{report.stale[path]}\nrun: userops build"


def test_no_notebook_stands_without_its_chapter():
    built = {path.stem for path in (ROOT / "notebooks").glob("*/*/ch*.ipynb")}
    assert built <= set(NAMES), "run: userops build"


@every_edition
def test_the_committed_notebook_holds_no_outputs(name, lang):
    notebook = nbformat.read(notebook_path(ROOT, name, lang), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []


# --- a run


@every_edition
def test_it_runs_in_a_kernel_without_a_warning_and_in_little_memory(name, lang):
    notebook = run_in_kernel(
        edition(chapter(name), lang, release=False), notebook_path(ROOT, name, lang).parent
    )
    peak = int(notebook.cells[-1].outputs[0].text)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    noise = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert noise == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert peak < MEMORY_LIMIT, f"{peak / 1e6:.0f} MB at its peak"


WARNINGS_ARE_ERRORS = "import warnings\n\nwarnings.simplefilter('error')"
# The kernel's own high-water mark: getrusage() would count the memory of the process that started it.
PEAK_MEMORY = """\
import re
from pathlib import Path

print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) * 1024)
"""


def run_in_kernel(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run a notebook top to bottom as a learner would, offline, stopping at the first error."""
    notebook.cells.insert(0, nbformat.v4.new_code_cell(WARNINGS_ARE_ERRORS))
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK_MEMORY))
    nowhere = "http://127.0.0.1:9"
    environment = {
        key: value for key, value in os.environ.items() if key not in ("USEROPS_DATA", "USEROPS_LANG")
    }
    environment |= {"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "ALL_PROXY": nowhere}
    client = NotebookClient(
        notebook,
        timeout=120,  # seconds a cell, against one that never ends
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
        shutdown_kernel="immediate",
    )
    client.execute(env=environment)
    return notebook
