"""Every chapter in ``solutions/``: what an author promises and a learner relies on.

A chapter's cases run in one language, and its notebook runs in a kernel in the other: code is the same in both, and
so is what decides. The reference and the blank answers run in both. ``tests/bench/bench_cases.py`` runs everything
in both.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from kernel_run import BUDGET, DEARER, run_in_kernel
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


def languages(name: str) -> tuple[str, str]:
    """The language of a chapter's cases, and the other one."""
    return ("zh", "en") if int(name.removeprefix("ch")[:2]) % 2 else ("en", "zh")


every_chapter = pytest.mark.parametrize("name", NAMES)
# A chapter's results in one language are worked out once: its tests stay in one worker (tests/conftest.py).
every_edition = pytest.mark.parametrize(
    ("name", "lang"),
    [pytest.param(name, lang, id=f"{name}-{lang}") for name in NAMES for lang in ("en", "zh")],
)
cases_edition = pytest.mark.parametrize(
    ("name", "lang"),
    [pytest.param(name, languages(name)[0], id=f"{name}-{languages(name)[0]}") for name in NAMES],
)
other_edition = pytest.mark.parametrize(
    ("name", "lang"),
    [pytest.param(name, languages(name)[1], id=f"{name}-{languages(name)[1]}") for name in NAMES],
)


@functools.cache
def chapter(name: str) -> Chapter:
    return read_chapter(ROOT / "solutions" / f"{name}.md")


def without_cases(chapter: Chapter) -> Chapter:
    """The chapter with no answers but the references (and the blank ones), nor what only shows something."""
    kept = [
        cell
        for cell in chapter.cells
        if cell.kind != "case" and "explorer" not in cell.metadata.get("tags", [])
    ]
    return replace(chapter, cells=tuple(replace(cell, index=place) for place, cell in enumerate(kept)))


@functools.cache
def results(name: str, lang: str) -> list[CaseResult]:
    """Every answer's result in the language of the cases, the reference's and the blank one's in the other."""
    whole = chapter(name)
    return run_chapter(whole if lang == languages(name)[0] else without_cases(whole), lang)


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


@cases_edition
def test_no_case_is_left_out(name, lang):
    roles = Counter(result.role for result in results(name, lang))
    assert roles["reference"] == roles["blank"] == len(chapter(name).exercises)
    assert roles["right"] + roles["wrong"] == len(list(chapter(name).of_kind("case")))


@every_edition
def test_reference_solutions_earn_everything(name, lang):
    references = [result for result in results(name, lang) if result.role == "reference"]
    assert len(references) == len(chapter(name).exercises)
    memos = sum(memo.points for memo in chapter(name).of_kind("memo"))
    assert sum(result.points for result in references) + memos == chapter(name).points


@other_edition
def test_the_untouched_notebook_earns_zero(name, lang):
    graded: list[GradedTest] = run_untouched(chapter(name), lang)
    assert [g.grade_id for g in graded] == [cell.grade_id for cell in chapter(name).of_kind("test")]
    assert [(g.grade_id, g.points) for g in graded if g.points] == []
    released = edition(chapter(name), lang, release=True)
    memos = [c for c in released.cells if c.cell_type == "markdown" and "nbgrader" in c.metadata]
    assert [determine_grade(memo)[0] for memo in memos] == [0] * len(memos)


# --- its notebooks


@every_chapter
def test_the_committed_notebooks_are_a_fresh_build(name):
    report = build(ROOT, check=True, only=[name])
    paths = [notebook_path(ROOT, name, lang).relative_to(ROOT).as_posix() for lang in ("en", "zh")]
    stale = {path: report.stale[path] for path in paths if path in report.stale}
    assert not stale, f"{stale}\nrun: userops build"


def test_no_notebook_stands_without_its_chapter():
    built = {path.stem for path in (ROOT / "notebooks").glob("*/*/ch*.ipynb")}
    assert built <= set(NAMES), "run: userops build"


@every_edition
def test_the_committed_notebook_holds_no_outputs(name, lang):
    notebook = nbformat.read(notebook_path(ROOT, name, lang), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []


# --- a run


@other_edition
def test_it_runs_in_a_kernel_without_a_warning_in_little_memory_with_cheap_tests(name, lang):
    run = run_in_kernel(edition(chapter(name), lang, release=False), notebook_path(ROOT, name, lang).parent)
    outputs = [output for cell in run.notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert run.noise == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert run.peak < MEMORY_LIMIT, f"{run.peak / 1e6:.0f} MB at its peak"
    # Learners, graders and every case pay for a test cell: smaller samples, a reference worked out once.
    assert [cost.grade_id for cost in run.costs] == [c.grade_id for c in chapter(name).of_kind("test")]
    dear = "\n".join(map(str, run.dear))
    assert not dear, f"test cells over their budget of {BUDGET} s of CPU:\n{dear}"


def test_what_may_cost_more_is_there():
    tests = {cell.grade_id for name in NAMES for cell in chapter(name).of_kind("test")}
    assert set(DEARER) <= tests
