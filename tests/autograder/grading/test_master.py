"""A chapter's cells as handed out, from an edition and from a gradebook: when the two fit, and in what order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from small_class import CHAPTER, Small, copy_small, make_template

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import Repository
from autograder.grading.master import edition_beside, fits, from_edition, from_gradebook, read_master
from autograder.notebooks.outline import outline
from autograder.notebooks.restore import MasterCell

REPO = Repository(Path(__file__).resolve().parents[3])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("master")
    return copy_small(make_template(folder / "template"), folder / "repo")


def source(small: Small) -> Path:
    return small.folder / "source" / CHAPTER / f"{CHAPTER}.ipynb"


def known(small: Small, order: Path | None = None) -> list[MasterCell]:
    with small.book as book:
        return from_gradebook(book, CHAPTER, CHAPTER, order)


def test_source_and_gradebook_say_the_same_in_the_same_order(small: Small) -> None:
    cells = from_edition(read_master(source(small)))
    assert len(cells) > 4
    assert known(small, source(small)) == cells
    there_is_none = source(small).with_name("none.ipynb")
    assert sorted(c.grade_id for c in known(small, there_is_none)) == sorted(c.grade_id for c in cells)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_edition_fits_whatever_the_order(small: Small, lang: str) -> None:
    cells = from_edition(edition(read_chapter(small.repo.source(CHAPTER)), lang, release=False))
    assert fits(cells, known(small))
    assert fits(cells[::-1], known(small))


def less(cells: list[MasterCell]) -> list[MasterCell]:
    return cells[1:]


def edited(cells: list[MasterCell]) -> list[MasterCell]:
    return [dataclasses.replace(c, source=f"{c.source} ") if c.grade else c for c in cells]


def worth_more(cells: list[MasterCell]) -> list[MasterCell]:
    return [dataclasses.replace(c, points=c.points + 1) if c.grade else c for c in cells]


@pytest.mark.parametrize("change", [less, edited, worth_more])
def test_what_would_grade_otherwise_does_not_fit(
    small: Small, change: Callable[[list[MasterCell]], list[MasterCell]]
) -> None:
    cells = from_edition(read_master(source(small)))
    assert not fits(change(cells), known(small))
    assert not fits(cells, change(known(small)))


@pytest.mark.parametrize("chapter", REPO.chapters())
def test_the_same_cells_make_up_an_exercise_in_both_languages(chapter: str) -> None:
    """So a class is judged by the course's own source, whatever language a submission is in."""
    text = read_chapter(REPO.source(chapter))
    en, zh = (outline(edition(text, lang, release=False)).exercises for lang in ("en", "zh"))
    assert [(e.solutions, e.tests, e.memo) for e in en] == [(e.solutions, e.tests, e.memo) for e in zh]
    assert len(en) > 2


def test_a_page_is_told_by_the_chapter_that_fits_else_by_the_courses_source(
    small: Small, tmp_path: Path
) -> None:
    chapter = small.repo.source(CHAPTER)
    judged = {c.grade_id for c in known(small) if c.grade or c.solution}
    chinese = edition_beside(chapter, source(small), "zh", judged)
    english = edition_beside(chapter, source(small), "zh", judged - {"pair_test"})
    assert chinese is not None
    assert english is not None
    assert chinese.outline.exercises[0].title != english.outline.exercises[0].title
    assert english.outline == outline(nbformat.read(source(small), as_version=4))
    nothing = tmp_path / "nothing"
    assert edition_beside(nothing, nothing, "zh", judged) is None
