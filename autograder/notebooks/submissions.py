"""Find what was handed in, read it, or say in one sentence why it cannot be read.

A submitted folder holds whatever a person, an editor or a download put there. Each of them is graded or
refused by itself: everything that can be wrong with a file ends in a ``CourseError`` with a sentence that
names the file and says what to do, and in nothing else. No link is ever followed, nothing but a regular file
is ever opened, and nothing larger than a notebook can be is ever read.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import stat
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autograder.notebooks.timestamps import TIMESTAMP, format_timestamp, parse_timestamp, write_timestamp
from userops import LANGUAGES
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode


# A notebook of this course is below 200 kB; with every chart in it, below 5 MB.
LARGEST: Final = 50 * 1024 * 1024
# Brackets and quotation marks: a notebook of 5 MB has thousands; fifty megabytes of `[` would fill the memory.
MOST_PARTS: Final = 3_000_000
DEEPEST: Final = 60  # values within values; a notebook needs eight
DEEPEST_READ: Final = 800  # what lies deeper is damage, as it is to the JSON of Python 3.11
LONGEST_ID: Final = 128  # characters of a student's id that nbgrader's gradebook holds


# ------------------------------------------------------------------------------------------ what was handed in


@dataclass(frozen=True)
class Submission:
    """One student's hand-in, read but not yet run.

    Attributes:
        student: the student's id: the name of the folder, as it is spelled.
        data: the notebook file's bytes.
        notebook: what they say (``read_notebook``).
        when: when it was handed in, as ``timestamp.txt`` says it.
        notes: what the instructor should know, a sentence each.
    """

    student: str
    data: bytes
    notebook: NotebookNode
    when: str
    notes: tuple[str, ...] = ()


def students(submitted: Path, chapter: str, wanted: Sequence[str] = ()) -> list[str]:
    """Ids of the students who handed ``chapter`` in, sorted; with ``wanted``, of those alone.

    Args:
        submitted: the course's folder ``submitted/``.
        chapter: the chapter's id.
        wanted: ids; a name matches however its accents are encoded.

    Raises:
        CourseError: nobody handed the chapter in, or one of ``wanted`` did not.
    """
    try:
        with os.scandir(submitted) as entries:
            # As for nbgrader, hidden folders are nobody's. A link counts: it is refused later, with a sentence.
            names = [e.name for e in entries if not e.name.startswith(".")]
    except OSError:
        names = []
    there = sorted(name for name in names if os.path.lexists(submitted / name / chapter))
    if not there:
        raise CourseError(
            f"Nobody's {chapter} lies in {submitted}: collect it with `nbgrader collect {chapter}`, or copy each "
            f"notebook to {submitted.name}/<student>/{chapter}/{chapter}.ipynb."
        )
    if not wanted:
        return there
    spelled = {_same(name): name for name in reversed(there)} | {name: name for name in there}
    found = []
    for name in dict.fromkeys(wanted):
        student = spelled.get(name) or spelled.get(_same(name))
        if student is None:
            raise CourseError(
                f"{name} has handed in no {chapter}: there is no folder {submitted / name / chapter}."
            )
        found.append(student)
    return sorted(set(found))


def read_submission(submitted: Path, student: str, chapter: str, cells: Collection[str] = ()) -> Submission:
    """Read one student's notebook.

    Args:
        submitted: the course's folder ``submitted/``.
        student: the name of the student's folder there.
        chapter: the chapter's id.
        cells: grade ids of the chapter, by which a notebook is recognised whatever it is called.

    Raises:
        CourseError: why this submission cannot be graded, and what to do.
    """
    _require_id(student)
    folder = submitted / student / chapter
    for path in (folder.parent, folder):
        _require_own_folder(path)
    path, notes = _choose(folder, chapter)
    data, saved = read_bytes(path)
    notebook = parse_notebook(data, path.name)
    _require_chapter(notebook, path, chapter, cells)
    return Submission(student, data, notebook, _when(folder, saved), tuple(notes))


def _require_id(student: str) -> None:
    try:
        student.encode("utf-8")
    except UnicodeEncodeError:
        raise CourseError(
            f"The folder {student!a} has a name that is not UTF-8: rename it to the student's id."
        ) from None
    if len(student) > LONGEST_ID:
        raise CourseError(
            f"The folder {student[:20]}… has a name of {len(student)} characters, and the gradebook holds "
            f"{LONGEST_ID}: rename it to the student's id."
        )


def _require_own_folder(path: Path) -> None:
    """Refuse what is no folder; a link could lead to another student's work, or to the solutions."""
    kind = _lstat(path).st_mode
    if stat.S_ISLNK(kind):
        raise CourseError(
            f"{_short(path)} is a link, and links are not followed: copy the student's own files there."
        )
    if not stat.S_ISDIR(kind):
        raise CourseError(
            f"{_short(path)} is a file where a folder should be: make the folder and put the notebook into it."
        )


def _choose(folder: Path, chapter: str) -> tuple[Path, list[str]]:
    """The notebook to grade: the right-named one, else the only one whose name or contents may be the chapter's."""
    right = folder / f"{chapter}.ipynb"
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries)
    except OSError as error:
        raise CourseError(
            f"{_short(folder)} cannot be read ({error.strerror}): check its permissions."
        ) from None
    if right.name in names:
        return right, []
    notebooks = [name for name in names if _same(name).endswith(".ipynb") and not name.startswith(".")]
    named = [name for name in notebooks if _same(name).startswith(_same(chapter))]
    chosen = named if len(named) == 1 else notebooks
    if len(chosen) == 1:
        return folder / chosen[0], [f"graded {_printable(chosen[0])} in the place of {right.name}"]
    if not notebooks:
        raise CourseError(
            f"{_short(folder)} holds no notebook{_instead(names)}: ask for {right.name}, and put it there."
        )
    raise CourseError(
        f"{_short(folder)} holds {len(notebooks)} notebooks and none is called {right.name}: rename the right one."
    )


def _instead(names: Sequence[str]) -> str:
    shown = [_printable(name) for name in names if name != TIMESTAMP and not name.startswith(".")]
    return f" (only {', '.join(shown[:3])}{', …' if len(shown) > 3 else ''})" if shown else ""


def _require_chapter(notebook: NotebookNode, path: Path, chapter: str, cells: Collection[str]) -> None:
    """Refuse another chapter's notebook: graded as this one it would earn nothing, and nobody would know why."""
    if any(_grade_id(cell) in cells for cell in notebook.cells):
        return
    named = notebook.metadata.get("userops")
    other = named.get("chapter") if isinstance(named, Mapping) else None
    if isinstance(other, str) and other != chapter:
        raise CourseError(
            f"{_printable(path.name)} holds {_printable(other)}, not {chapter}: ask for the right notebook."
        )
    if other != chapter and not _same(path.name).startswith(_same(chapter)):
        raise CourseError(f"{_printable(path.name)} holds nothing of {chapter}: ask for {chapter}.ipynb.")


def _grade_id(cell: Any) -> str | None:
    metadata = cell.get("metadata")
    meta = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
    for name in (meta.get("grade_id") if isinstance(meta, Mapping) else None, cell.get("id")):
        if isinstance(name, str):
            return name
    return None


# ------------------------------------------------------------------------------------------ when


def _when(folder: Path, saved: float) -> str:
    """When it was handed in: ``timestamp.txt``, else when the notebook was saved.

    A submission that was copied in by hand gets its ``timestamp.txt`` now: nbgrader and formgrader compare it
    with the gradebook's.
    """
    path = folder / TIMESTAMP
    if os.path.lexists(path):
        text = read_bytes(path, 1000)[0].decode("utf-8", errors="replace").strip()
        if text:
            _require_time(text, path)
            return text
    with contextlib.suppress(
        OSError
    ):  # a read-only folder: the time is derived anew each time, and is the same
        return write_timestamp(folder, saved)
    return format_timestamp(saved)


def _require_time(text: str, path: Path) -> None:
    """Refuse a time that nobody can read: formgrader would stop at it, for the whole class."""
    try:
        parse_timestamp(text)
    except CourseError:
        raise CourseError(
            f"{_short(path)} does not hold a time: delete it, and the time when the notebook was saved will count."
        ) from None


# ------------------------------------------------------------------------------------------ reading


def read_notebook(path: Path) -> NotebookNode:
    """Read a Python notebook; links are followed, for the file is the reader's own.

    Raises:
        CourseError: the file cannot be read, is too large, is not a notebook, is of another format, or is
            written in another language.
    """
    return parse_notebook(read_bytes(path, follow=True)[0], path.name)


def read_bytes(path: Path, largest: int | None = None, *, follow: bool = False) -> tuple[bytes, float]:
    """A regular file's bytes, and when it was last changed (seconds since 1970).

    Args:
        path: the file.
        largest: bytes that it may have; by default what a notebook may have (``LARGEST``).
        follow: whether a link will do.

    Raises:
        CourseError: a link, a folder, a device or a pipe; too large; unreadable.
    """
    limit = LARGEST if largest is None else largest
    name = _printable(path.name)
    # O_NONBLOCK: opening a pipe would wait for somebody to write to it.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        if not follow and stat.S_ISLNK(_lstat(path).st_mode):
            raise CourseError(f"{name} is a link, and links are not followed: copy the file itself there.")
        # A device may act on being opened, so its kind is asked before.
        if not stat.S_ISREG(os.stat(path, follow_symlinks=follow).st_mode):  # noqa: PTH116 (the keyword)
            raise CourseError(f"{name} is not a file: put the notebook itself there.")
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise CourseError(f"{name} is not a file: put the notebook itself there.")
            if about.st_size <= limit:
                data = file.read(limit + 1)
                if len(data) <= limit:
                    return data, about.st_mtime
            size = about.st_size
    except OSError as error:
        shown = path if follow else _short(path)
        raise CourseError(f"{shown} cannot be read ({error.strerror}): check its permissions.") from error
    raise CourseError(
        f"{name} is {size / 1024**2:.0f} MB, most of it outputs: in JupyterLab choose Edit → Clear Outputs of "
        "All Cells, save, and check again."
        if path.suffix == ".ipynb"
        else f"{name} is {size} bytes, far too many for what it should hold: delete it."
    )


def parse_notebook(data: bytes, name: str) -> NotebookNode:
    """Read a notebook's text: a Python notebook of format 4, or of format 3, brought up to 4.

    Old outputs are dropped while reading. What comes back is a notebook in outline only (a list of cells that
    are dictionaries, of bounded depth): ``autograder.notebooks.restore`` makes it whole.

    Raises:
        CourseError: not UTF-8 (or UTF-16 with its mark), not a notebook, another format or another language.
    """
    import nbformat

    name = _printable(name)
    raw = _json(data, name)
    version: int = raw["nbformat"]
    if version in (1, 2, 3):
        raw = _from_old(raw, name)
    elif version > 4:
        raise CourseError(
            f"{name} is in a newer notebook format ({version}) than this course knows (4): save it with the course's "
            "own JupyterLab (userops lab)."
        )
    notebook: NotebookNode = nbformat.from_dict(_bounded(raw))
    if not isinstance(notebook.get("metadata"), Mapping):
        notebook.metadata = nbformat.NotebookNode()
    _require_python(notebook, name)
    return notebook


def _json(data: bytes, name: str) -> dict[str, Any]:
    """The notebook as JSON gives it, outputs left out: a dictionary with a format and a list of cells."""
    damaged = CourseError(
        f"{name} is not a notebook, or is damaged: take a fresh copy (userops build) and copy your answers over."
    )
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise CourseError(
            f"{name} is not a notebook that Jupyter saved (it is not UTF-8): open it in JupyterLab and save it again."
        ) from None
    if sum(map(text.count, '[{"')) > MOST_PARTS:
        raise damaged
    try:
        # NaN, Infinity and numbers of thousands of digits are not JSON, or not for long: nothing depends on them.
        raw = json.loads(text, parse_constant=_nothing, parse_int=_integer, parse_float=_finite)
    except (ValueError, RecursionError):
        raise damaged from None
    if not isinstance(raw, dict):
        raise damaged
    version = raw.get("nbformat")
    parts = raw.get("cells") if "cells" in raw or version == 4 else raw.get("worksheets")
    if (
        not isinstance(version, int)
        or isinstance(version, bool)
        or version < 1
        or not isinstance(parts, list)
        or _too_deep(raw)
    ):
        raise damaged
    if "cells" in raw and isinstance(raw["cells"], list):
        raw["cells"] = [_outline(cell) for cell in raw["cells"] if isinstance(cell, dict)]
    return raw


def _too_deep(value: Any) -> bool:
    """Whether lists and dictionaries lie deeper in each other than any Python reads (newer ones read deeper)."""
    level = [value]
    for _ in range(DEEPEST_READ):
        parts = (part for item in level for part in (item.values() if isinstance(item, dict) else item))
        level = [part for part in parts if isinstance(part, (dict, list))]
        if not level:
            return False
    return True


def _nothing(_: str) -> None:
    return None


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) < 19 else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _outline(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell without its outputs, its text in one piece."""
    cell.pop("outputs", None)
    source = cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        cell["source"] = "".join(source)
    return cell


def _bounded(value: Any, depth: int = 0) -> Any:
    """A copy in which nothing lies deeper than ``DEEPEST``: who copies or prints it would recurse as far."""
    if depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {key: _bounded(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [_bounded(part, depth + 1) for part in value]
    return value


def _from_old(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """Bring format 3 up to 4 as Jupyter would."""
    from nbformat import from_dict, v4

    sheets = raw.get("worksheets")
    refusal = CourseError(
        f"{name} is in the old notebook format {raw['nbformat']}: open it in JupyterLab, save it, and check again."
    )
    if raw["nbformat"] != 3 or not isinstance(sheets, list):
        raise refusal
    cells = [
        cell
        for sheet in sheets
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
        for cell in sheet["cells"]
        if isinstance(cell, dict)
    ]
    new = []
    for cell in cells:
        if isinstance(cell.get("input"), list):
            cell["input"] = "".join(map(str, cell["input"]))
        if not isinstance(cell.get("metadata"), dict):
            cell["metadata"] = {}
        try:
            new.append(v4.convert.upgrade_cell(from_dict(_bounded({**_outline(cell), "outputs": []}))))
        # Whatever Jupyter's converter trips over, one cell of nonsense is dropped.
        except Exception:
            continue
    if not new:
        raise refusal
    for cell in new:
        cell.pop("id", None)
    metadata = raw.get("metadata")
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": new}


def _require_python(notebook: NotebookNode, name: str) -> None:
    """Refuse a notebook in another language; any Python kernel is as good as ours."""
    spec = notebook.metadata.get("kernelspec")
    info = notebook.metadata.get("language_info")
    said = [
        str(part.get(key, "")).lower()
        for part, key in ((info, "name"), (spec, "language"))
        if isinstance(part, Mapping)
    ]
    other = [language for language in said if language and language not in ("python", "ipython", "python3")]
    if other:
        raise CourseError(
            f"{name} runs {_printable(other[0][:40])}, not Python: in JupyterLab choose Kernel → Change Kernel… → "
            "Python 3, save, and check again."
        )


def language_of_notebook(notebook: NotebookNode, path: Path | None = None) -> str | None:
    """The edition a notebook belongs to: by its language cell, its metadata, or where it stands."""
    for cell in notebook.cells:
        if match := re.search(r"""use_language\(\s*["'](\w+)["']""", str(cell.get("source", ""))):
            if match[1] in LANGUAGES:
                return match[1]
    named = notebook.metadata.get("userops")
    lang = named.get("lang") if isinstance(named, Mapping) else None
    if lang in LANGUAGES:
        return str(lang)
    parts = path.resolve().parts if path is not None else ()
    return next((code for code in LANGUAGES if code in parts), None)


# ------------------------------------------------------------------------------------------ names


def _same(name: str) -> str:
    """A name as people compare it: one encoding of accents (macOS has another), no upper and lower case."""
    return unicodedata.normalize("NFC", name).casefold()


def _printable(name: str) -> str:
    """A name that can be shown in a line of text, whatever is in it."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
    return shown if len(shown) <= 120 else f"{shown[:119]}…"


def _short(path: Path) -> str:
    """The end of a path below ``submitted/``: student, chapter, file."""
    parts = path.parts
    start = max((i for i, part in enumerate(parts) if part == "submitted"), default=len(parts) - 2)
    return _printable("/".join(parts[start:]))


def _lstat(path: Path) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as error:
        raise CourseError(
            f"{_short(path)} cannot be read ({error.strerror}): check its permissions."
        ) from None
