"""The tiny chapter of ``data/ch98_tiny.md``, and a course's folder around it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from autograder.authoring.chapter import Chapter, parse_chapter

SOURCE: Final = Path(__file__).parent / "data" / "ch98_tiny.md"
TEXT: Final = SOURCE.read_text(encoding="utf-8")


def changed(*changes: tuple[str, str]) -> Chapter:
    """The tiny chapter with the first ``old`` of each pair replaced by ``new``."""
    return parse_chapter(changed_text(*changes), SOURCE)


def changed_text(*changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text, f"the tiny chapter does not hold {old!r}"
        text = text.replace(old, new, 1)
    return text


def line_of(text: str, fragment: str) -> int:
    """1-based line where ``fragment`` first stands."""
    return text[: text.index(fragment)].count("\n") + 1


def course(folder: Path, *numbers: int) -> Path:
    """Make a course's folder with one copy of the tiny chapter for each number (default: 98)."""
    (folder / "solutions").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    for number in numbers or (98,):
        text = TEXT.replace("ch98_tiny", f"ch{number:02d}_tiny").replace(" 98.", f" {number}.")
        (folder / "solutions" / f"ch{number:02d}_tiny.md").write_text(text, encoding="utf-8")
    return folder
