"""Lints of a chapter's skeleton: header, twins, nbgrader's metadata, regions, headings, cases, hints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from autograder.authoring.chapter import CHAPTER_NAME, Cell, Chapter
from autograder.authoring.lints.problem import CJK, Problem, at

_GRADE_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,48}")
_FLAGS: Final = ("solution", "grade", "locked")
_KNOWN_METADATA: Final = {"lang", "nbgrader", "case", "tags"}


def header(chapter: Chapter) -> Iterator[Problem]:
    """The header names the chapter, its title in both languages, its length and what it builds on."""

    def bad(message: str) -> Problem:
        return Problem(chapter.name, 1, "header", message)

    if not CHAPTER_NAME.fullmatch(chapter.name):
        yield bad("name the file like ch04_retention.md: two digits, then small letters")
    if not chapter.header:
        yield bad("add a `userops:` header with chapter, title, minutes and builds_on")
        return
    if chapter.header.get("chapter") != chapter.name:
        yield bad(f"`chapter` must be {chapter.name}, the file's own name")
    for lang in ("en", "zh"):
        if not str(chapter.title.get(lang) or "").strip():
            yield bad(f"`title` lacks {lang}")
        if not str((chapter.header.get("outcome") or {}).get(lang) or "").strip():
            yield bad(f"`outcome` lacks {lang}: one sentence that says what a learner can do afterwards")
    if chapter.title.get("zh") and not re.search(f"[{CJK}]", str(chapter.title["zh"])):
        yield bad("the zh title holds no Chinese")
    if not 60 <= chapter.minutes <= 120:
        yield bad("`minutes` must be a whole number from 60 to 120: a chapter takes one to two hours")
    builds_on = chapter.header.get("builds_on")
    if not isinstance(builds_on, list):
        yield bad("`builds_on` must be a list of chapters ([] for none)")
        return
    for name in builds_on:
        if not CHAPTER_NAME.fullmatch(str(name)):
            yield bad(f"`builds_on` names {name!r}, which is not a chapter's name")
        elif name >= chapter.name:
            yield bad(f"`builds_on` names {name}, which does not come before this chapter")


def opening(chapter: Chapter) -> Iterator[Problem]:
    """The first pair's ``#`` heading holds the title (up to its colon); the first code cell is the set-up."""
    for cell, lang in zip(chapter.cells[:2], ("en", "zh"), strict=False):
        title = re.split("[:：]", str(chapter.title.get(lang, "")))[0].strip()
        first = cell.source.split("\n", 1)[0]
        if cell.kind != "prose" or not first.startswith("# ") or title not in first:
            yield at(
                chapter, cell, "opening", f"open the {lang} edition with a `# ` heading that holds “{title}”"
            )
    code = next((cell for cell in chapter.cells if cell.is_code), None)
    if code is None:
        yield Problem(chapter.name, 1, "opening", "the chapter has no code cell")
    elif code.kind != "locked" or code.grade_id != "setup":
        yield at(
            chapter, code, "opening", "the first code cell must be the locked set-up, with grade_id setup"
        )


def twins(chapter: Chapter) -> Iterator[Problem]:
    """Every English prose cell is followed at once by its Chinese twin, of the same build."""
    prose: list[Cell | None] = [cell if cell.kind == "prose" else None for cell in chapter.cells]
    for cell in chapter.of_kind("prose"):
        if cell.lang not in ("en", "zh"):
            yield at(
                chapter, cell, "twins", 'start this text with `+++ {"lang": "en"}` or `+++ {"lang": "zh"}`'
            )
    for text, following in pairwise([*prose, None]):
        if text is None or text.lang != "en":
            continue
        if following is None or following.lang != "zh":
            yield at(chapter, text, "twins", "its Chinese twin is missing or empty: put it right below")
            continue
        for what, count in _shape(text, following):
            yield at(chapter, following, "twins", f"the twins differ in {what}: {count}")
    for previous, text in pairwise([None, *prose]):
        if text is not None and text.lang == "zh" and (previous is None or previous.lang != "en"):
            yield at(chapter, text, "twins", "its English twin is missing or empty: put it right above")
    yield from _unclosed(chapter)


def _shape(en: Cell, zh: Cell) -> Iterator[tuple[str, str]]:
    patterns = {"headings": r"^#+(?= )", "hints and other <details>": r"<details", "images": r"!\[|<img"}
    for what, pattern in patterns.items():
        found = [re.findall(pattern, cell.source, re.MULTILINE) for cell in (en, zh)]
        if found[0] != found[1]:
            yield (
                what,
                f"{len(found[0])} in English, {len(found[1])} in Chinese"
                + ("" if len(found[0]) != len(found[1]) else ", of other levels"),
            )


def _unclosed(chapter: Chapter) -> Iterator[Problem]:
    for cell in chapter.cells:
        for offset, line in enumerate(cell.source.split("\n")):
            if not cell.is_code and line.startswith(("```{code-cell}", "+++")):
                message = "this line was read as text: close the code cell above it, or mend its fence"
                yield at(chapter, cell, "twins", message, offset=offset)


def metadata(chapter: Chapter) -> Iterator[Problem]:
    """Cells are of the kinds the course has, with nbgrader's metadata complete; prompts are never locked."""
    for cell in chapter.cells:
        unknown = sorted(set(cell.metadata) - _KNOWN_METADATA)
        if unknown:
            yield at(chapter, cell, "metadata", f"unknown metadata {', '.join(unknown)}: remove it")
        if cell.is_code and cell.lang is not None:
            yield at(chapter, cell, "stub", "code is shared by both editions: remove `lang` and use t()")
        if cell.kind == "memo" and cell.lang != "both":
            yield at(chapter, cell, "metadata", 'a memo stands in both editions: give it `"lang": "both"`')
        if cell.kind == "prose" and cell.lang == "both":
            yield at(chapter, cell, "metadata", "prose has two twins, one of each language, not `both`")
        meta = cell.nbgrader
        if meta is None:
            if cell.kind == "unknown":
                yield at(chapter, cell, "metadata", "a raw cell: the course has prose and code cells only")
            continue
        if not cell.is_code and meta.get("locked"):
            message = "a prompt must not be locked: grading would put the master's language back"
            yield at(chapter, cell, "prompt-locked", message)
        elif cell.kind == "unknown":
            yield at(chapter, cell, "metadata", _no_such_kind(cell))
        missing = [key for key in (*_FLAGS, "grade_id", "schema_version") if key not in meta]
        if missing:
            yield at(chapter, cell, "metadata", f"nbgrader's metadata lack {', '.join(missing)}")
        elif meta["schema_version"] != 3:
            yield at(chapter, cell, "metadata", "schema_version must be 3")


def _no_such_kind(cell: Cell) -> str:
    if cell.case is not None:
        return "a case is a code cell without nbgrader's metadata"
    flags = ", ".join(f"{key}: {bool((cell.nbgrader or {}).get(key))}" for key in _FLAGS)
    return (
        f"the course has no cell with {flags}: locked (only locked), solution (only solution), "
        "test (grade and locked) and memo (a text with solution and grade)"
    )


def grade_ids(chapter: Chapter) -> Iterator[Problem]:
    """Grade ids are unique: a gradebook's row hangs on each."""
    seen: dict[str, Cell] = {}
    for cell in chapter.cells:
        grade_id = cell.grade_id
        if cell.nbgrader is None or "grade_id" not in cell.nbgrader:
            continue
        if not isinstance(grade_id, str) or not _GRADE_ID.fullmatch(grade_id):
            yield at(
                chapter, cell, "grade-id", f"grade_id {grade_id!r}: use up to 48 letters, digits, _ or -"
            )
            continue
        if "--" in grade_id or grade_id in ("language", "start"):
            yield at(
                chapter, cell, "grade-id", f"grade_id {grade_id!r} is taken by the build: choose another"
            )
        if grade_id in seen:
            message = f"grade_id {grade_id!r} stands already in line {seen[grade_id].line}: choose another"
            yield at(chapter, cell, "duplicate-grade-id", message)
        seen.setdefault(grade_id, cell)


def points(chapter: Chapter) -> Iterator[Problem]:
    """Every graded cell says its points, and a chapter is worth 10 to 20."""
    for cell in chapter.cells:
        meta = cell.nbgrader or {}
        if not meta.get("grade"):
            if "points" in meta:
                yield at(chapter, cell, "points", "only a graded cell has points: remove them")
            continue
        value = meta.get("points")
        if "points" not in meta:
            yield at(chapter, cell, "points", "a graded cell needs `points`")
        elif isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            yield at(chapter, cell, "points", f"points must be a number above 0, not {value!r}")
    if not 10 <= chapter.points <= 20:
        message = f"the chapter is worth {chapter.points:g} points: it should be 10 to 20"
        yield Problem(chapter.name, 1, "points", message)


def exercises(chapter: Chapter) -> Iterator[Problem]:
    """Exercises are numbered 4.1, 4.2, … in both languages, each with an answer; every answer has a test."""
    number, expected = chapter.number, 0
    open_heading: Cell | None = None  # a heading that no answer has followed yet
    for cell in chapter.cells:
        if cell.kind == "prose":
            for offset, title in _exercise_headings(cell):
                word = "Exercise" if cell.lang == "en" else "练习"
                expected += cell.lang == "en"
                match = re.fullmatch(rf"### {word} (\d+)\.(\d+) · \S.*", title)
                if not match:
                    message = f"write the heading as `### {word} {number}.{expected} · title`"
                    yield at(chapter, cell, "exercises", message, offset=offset)
                elif (int(match[1]), int(match[2])) != (number, expected):
                    message = f"numbered {match[1]}.{match[2]}, but this is exercise {number}.{expected}"
                    yield at(chapter, cell, "exercises", message, offset=offset)
                if cell.lang == "en":
                    if open_heading is not None:
                        yield at(
                            chapter, open_heading, "exercises", "this exercise has no solution cell or memo"
                        )
                    open_heading = cell
        elif cell.kind in ("solution", "memo"):
            if not expected:
                yield at(chapter, cell, "exercises", "an exercise needs its `### Exercise` heading above it")
            open_heading = None
    if open_heading is not None:
        yield at(chapter, open_heading, "exercises", "this exercise has no solution cell or memo")

    found = chapter.exercises
    for exercise in found:
        if not exercise.tests:
            yield at(chapter, exercise.solution, "exercises", "no test cell follows this solution cell")
    first = found[0].solution.index if found else len(chapter.cells)
    for cell in chapter.of_kind("test"):
        if cell.index < first:
            yield at(chapter, cell, "exercises", "a test cell stands after its solution cell, not before")


def _exercise_headings(cell: Cell) -> Iterator[tuple[int, str]]:
    for offset, line in enumerate(cell.source.split("\n")):
        if re.match(r"#+ *(Exercise|练习)\b", line) and not re.match(r"#{1,2} ", line):
            yield offset, line


def cases(chapter: Chapter) -> Iterator[Problem]:
    """A case names its exercise, says whether it is right or wrong, and stands after the test cell."""
    answers = {exercise.key: exercise for exercise in chapter.exercises}
    for cell in chapter.of_kind("case"):
        case = cell.case
        assert case is not None
        if case.unknown_fields:
            yield at(chapter, cell, "cases", f"unknown in a case: {', '.join(case.unknown_fields)}")
        if (case.right is None) == (case.wrong is None):
            yield at(chapter, cell, "cases", "a case is either `right: how` or `wrong: misconception`")
        if case.other and case.wrong is None:
            yield at(chapter, cell, "cases", "`other: true` marks a wrong case; this one is right")
        if case.of not in answers:
            known = ", ".join(answers) or "none"
            yield at(chapter, cell, "cases", f"there is no exercise {case.of!r} (there are: {known})")
            continue
        exercise = answers[case.of]
        if exercise.tests and cell.index < exercise.tests[-1].index:
            yield at(chapter, cell, "cases", "a case stands after its exercise's last test cell")
        if not exercise.points:
            continue  # told by the lint of points
        if case.points is not None and not 0 <= case.points <= exercise.points:
            message = f"points {case.points:g}: the exercise gives 0 to {exercise.points:g}"
            yield at(chapter, cell, "cases", message)
        if case.wrong is not None and case.points == exercise.points:
            yield at(chapter, cell, "cases", "a wrong answer must lose points")


def regions(chapter: Chapter) -> Iterator[Problem]:
    """Solution regions stand in solution cells, hidden tests in test cells, each opened and closed."""
    for cell in chapter.cells:
        for what, kind in (("SOLUTION", "solution"), ("HIDDEN TESTS", "test")):
            yield from _region(chapter, cell, what, allowed=cell.kind == kind, needed=cell.kind == "solution")
        if "MARK SCHEME" in cell.source:
            yield at(
                chapter, cell, "regions", "the rubric stands in the prompt for all to read: no mark scheme"
            )
        if "### AUTOTEST" in cell.source or "### HASHED AUTOTEST" in cell.source:
            yield at(chapter, cell, "regions", "templated autotests are not used in this course")


def _region(chapter: Chapter, cell: Cell, what: str, *, allowed: bool, needed: bool) -> Iterator[Problem]:
    is_open, count = False, 0
    for offset, line in enumerate(cell.source.split("\n")):
        begins, ends = f"BEGIN {what}" in line, f"END {what}" in line
        if not (begins or ends):
            continue
        if not allowed:
            place = "a solution cell" if what == "SOLUTION" else "a test cell"
            yield at(chapter, cell, "regions", f"{line.strip()}: only {place} may hold this", offset=offset)
            return
        if line.strip() != f"### {'BEGIN' if begins else 'END'} {what}":
            yield at(chapter, cell, "regions", f"write the line as `### BEGIN {what}` or END", offset=offset)
        if begins == is_open:
            fault = f"a second BEGIN {what} before END" if begins else f"END {what} without BEGIN"
            yield at(chapter, cell, "regions", fault, offset=offset)
        is_open, count = begins, count + begins
    if is_open:
        yield at(chapter, cell, "regions", f"BEGIN {what} is not closed by `### END {what}`")
    if allowed and needed and not count:
        yield at(chapter, cell, "regions", "a solution cell needs ### BEGIN SOLUTION … ### END SOLUTION")


def details(chapter: Chapter) -> Iterator[Problem]:
    """Hints are one-line ``<details>``, numbered from 1, and every ``<details>`` is closed."""
    for cell in chapter.of_kind("prose"):
        opened, closed = (cell.source.count(tag) for tag in ("<details", "</details>"))
        if not opened == closed == cell.source.count("<summary>") == cell.source.count("</summary>"):
            message = "each <details> needs one <summary>…</summary> and its own </details>"
            yield at(chapter, cell, "details", message)
            continue
        word = "Hint" if cell.lang == "en" else "提示"
        count = 0
        for offset, line in enumerate(cell.source.split("\n")):
            summary = re.search(r"<summary>(.*?)</summary>", line)
            if not summary or not re.match(r"Hint|提示", summary[1].strip()):
                continue
            count += 1
            form = rf"<details><summary>{word} {count}</summary>\S.*</details>"
            if not re.fullmatch(form, line.strip()):
                message = f"write it on one line: <details><summary>{word} {count}</summary>…</details>"
                yield at(chapter, cell, "details", message, offset=offset)


def memos(chapter: Chapter) -> Iterator[Problem]:
    """A memo's model answer stands in both languages."""
    for cell in chapter.of_kind("memo"):
        words = len(re.findall(r"[A-Za-z]{2,}", cell.source))
        chinese = len(re.findall(f"[{CJK}]", cell.source))
        if words < 8 or chinese < 8:
            yield at(chapter, cell, "memo", "write the model answer in English, then in Chinese")
