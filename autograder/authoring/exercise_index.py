"""Which exercise a name of a chapter waits for: what an unanswered notebook tells its reader.

A function that a learner writes, a value they compute, and whatever a worked example makes of either have a value
only once the exercise is answered. ``userops/exercises.json`` holds these names for every chapter; a notebook
reads it when a name is missing (``userops.check``). It also says which answer a test cell tests: the name that it
reads may have a value from an example above.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from autograder.authoring.chapter import Chapter
from autograder.authoring.edition import edition
from autograder.notebooks.names import names_of
from autograder.notebooks.outline import outline

INDEX: Final = Path("userops") / "exercises.json"


def waiting_names(chapter: Chapter) -> dict[str, str]:
    """Return each name that needs an answer, and the number of the exercise that gives it (``"1.2"``).

    Of several exercises the first that has to be answered counts.
    """
    asked = outline(edition(chapter, "en", release=False)).exercises
    numbers = {grade_id: exercise.number for exercise in asked for grade_id in exercise.solutions}
    # An answer's own helpers concern nobody else.
    read_elsewhere = {
        cell.index: names_of(cell.source).reads
        for cell in chapter.cells
        if cell.is_code and cell.kind != "case"
    }
    waits: dict[str, str] = {}
    given: set[str] = set()
    for cell in chapter.cells:
        names = (
            names_of(cell.source) if cell.is_code and cell.kind in ("solution", "worked", "locked") else None
        )
        if names is None:
            continue
        if cell.kind == "solution":
            asked_for = frozenset().union(
                *(reads for at, reads in read_elsewhere.items() if at != cell.index)
            )
            own = (names.binds - names.imports - given) & asked_for
            fresh = dict.fromkeys(own, numbers.get(str(cell.grade_id), ""))
        else:
            needed = sorted(waits[name] for name in names.reads if name in waits)
            fresh = dict.fromkeys(names.binds - names.imports - given, needed[0]) if needed else {}
            if not needed:
                given |= names.binds
        waits |= {name: number for name, number in fresh.items() if number and name not in waits}
    return dict(sorted(waits.items()))


def answers_by_test(chapter: Chapter) -> dict[str, str]:
    """Return the id of each test cell, and that of the answer it tests."""
    return {str(test.grade_id): exercise.key for exercise in chapter.exercises for test in exercise.tests}


def index_text(root: Path, chapters: Iterable[Chapter]) -> str:
    """Return the text of ``userops/exercises.json``: the chapters given anew, the others as they stand there."""
    try:
        index = json.loads((root / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        index = {}
    index |= {
        chapter.name: {"names": waiting_names(chapter), "tests": answers_by_test(chapter)}
        for chapter in chapters
    }
    return json.dumps(dict(sorted(index.items())), ensure_ascii=False, indent=1) + "\n"
