"""The map of the course in both READMEs: made from the chapters' headers, so that it cannot drift.

python -m autograder.authoring.course_map        write it anew into README.md and README.zh.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from autograder.authoring.chapter import Chapter, read_chapter
from autograder.authoring.repository import chapter_paths, find_root
from userops.errors import CourseError

READMES: Final = {"en": "README.md", "zh": "README.zh.md"}
BEGIN: Final = "<!-- course map: made by `make build` from the chapters' headers -->"
END: Final = "<!-- end of the course map -->"
_HEADS: Final = {
    "en": ("", "chapter", "afterwards you can", "minutes", "points", "中文"),
    "zh": ("", "章节", "学完你能", "分钟", "分值", "English"),
}
_OTHER: Final = {"en": "zh", "zh": "en"}


def course_map(root: Path, lang: str) -> str:
    """Return the table of all chapters as Markdown: number, title, outcome, minutes, points, the other edition."""
    chapters = [read_chapter(path) for path in chapter_paths(root)]
    heads = _HEADS[lang]
    lines = [f"| {' | '.join(heads)} |".replace("|  |", "| |", 1), "|---" * len(heads) + "|"]
    lines += [_row(chapter, lang) for chapter in chapters]
    minutes, points = sum(c.minutes for c in chapters), sum(c.points for c in chapters)
    total = {"en": "all chapters so far", "zh": "已有章节合计"}[lang]
    return "\n".join([*lines, f"| | {total} | | {minutes} | {points:g} | |"]) + "\n"


def _row(chapter: Chapter, lang: str) -> str:
    def link(language: str, text: str) -> str:
        return f"[{text}](notebooks/{language}/{chapter.name}/{chapter.name}.ipynb)"

    outcome = (chapter.header.get("outcome") or {}).get(lang, "")
    other = link(_OTHER[lang], {"en": "中文版", "zh": "English"}[lang])
    title = link(lang, chapter.title.get(lang, chapter.name))
    return f"| {chapter.number} | {title} | {outcome} | {chapter.minutes} | {chapter.points:g} | {other} |"


def with_map(text: str, table: str) -> str:
    """Return a README's text with the map between its marks replaced.

    Raises:
        CourseError: the marks are missing.
    """
    if BEGIN not in text or END not in text:
        raise CourseError(f"The README has no place for the map: put these two lines into it: {BEGIN} {END}")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{table}\n{END}{rest.split(END, 1)[1]}"


def main() -> int:
    """Write the map into both READMEs."""
    root = find_root()
    for lang, name in READMES.items():
        path = root / name
        text = path.read_text(encoding="utf-8")
        new = with_map(text, course_map(root, lang))
        if new != text:
            path.write_text(new, encoding="utf-8")
            print(f"wrote the map of the course into {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
