"""Lints of what people read: each language where it belongs, Chinese punctuation, spaces."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from markdown_it import MarkdownIt

from autograder.authoring.chapter import Cell, Chapter
from autograder.authoring.lints.problem import CJK, Problem, at
from autograder.notebooks.names import is_name, parsed

_MARKDOWN: Final = MarkdownIt("commonmark").enable("table")
_CODE: Final = "\u25a1"  # stands for what is not prose (code, formulas): neither Chinese nor Latin
_CHINESE: Final = re.compile(f"[{CJK}]")
_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_YEAR: Final = re.compile(r"\b(19|20)\d\d\b")
_FULL_WIDTH: Final = re.compile(r"[，。；：？！、（）《》]")
# A name or a term may stand in an English sentence; twelve characters are no longer a term.
_LONGEST_TERM: Final = 12
_LONG_CHINESE: Final = re.compile(f"[{CJK}，。；：？！、“”（）]{{{_LONGEST_TERM + 1},}}")

_HALF_WIDTH: Final = (
    (re.compile(rf"[{CJK}] ?[,;:!?.] ?[{CJK}]"), "half-width punctuation between Chinese characters"),
    (re.compile(rf"[{CJK}][,;:!?.](?=\s|$)"), "half-width punctuation after Chinese"),
    (
        re.compile(rf"[{CJK}]\([^()]*[{CJK}]|[{CJK}][^()]*\)[{CJK}]"),
        "half-width brackets around Chinese: use （）",
    ),
    (re.compile(rf'[{CJK}]"|"[{CJK}]'), "straight quotes around Chinese: use “ ”"),
)
_NO_SPACE: Final = re.compile(rf"[{CJK}][A-Za-z0-9]|[A-Za-z0-9][{CJK}]")


def prose_lines(text: str) -> list[str]:
    """The text line by line with code, formulas, addresses and HTML tags taken out."""
    out: list[str] = []
    fenced = False
    for line in text.split("\n"):
        if re.match(r"\s*(```|~~~|\$\$)", line):
            fenced = not fenced if line.strip() in ("```", "~~~", "$$") or not fenced else fenced
            out.append("")
            continue
        if fenced:
            out.append("")
            continue
        line = re.sub(r"(`+).+?\1", _CODE, line)
        line = re.sub(r"\$[^$\s][^$]*\$", _CODE, line)
        line = re.sub(r"<(code|kbd)>.*?</\1>", _CODE, line)
        line = re.sub(r"</summary>|<br ?/?>", " ", line)
        line = re.sub(r"<[^<>]+>", "", line)
        line = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line)
        line = re.sub(r"https?://\S+", _CODE, line)
        out.append(re.sub(r"[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}", "", line))
    return out


def _sentences(cell: Cell) -> list[tuple[int, str]]:
    """Numbered lines of running text: no tables, whose cells hold terms and values."""
    return [(n, line) for n, line in enumerate(prose_lines(cell.source)) if not line.lstrip().startswith("|")]


def chinese_is_chinese(chapter: Chapter) -> Iterator[Problem]:
    """A Chinese cell that was left in English."""
    for cell in chapter.of_kind("prose"):
        if cell.lang != "zh":
            continue
        # A reference (authors, title, year) is quoted as it was published.
        lines = [(n, line) for n, line in _sentences(cell) if _CHINESE.search(line) or not _YEAR.search(line)]
        text = "\n".join(line for _, line in lines)
        words, chinese = len(_WORD.findall(text)), len(_CHINESE.findall(text))
        if words >= 4 and chinese < words:
            yield at(chapter, cell, "left-in-english", "this Chinese text is in English: write it in Chinese")
            continue
        for offset, line in lines:
            if len(_WORD.findall(line)) >= 8 and not _CHINESE.search(line):
                message = "this line is in English: write it in Chinese"
                yield at(chapter, cell, "left-in-english", message, offset=offset)


def english_is_english(chapter: Chapter) -> Iterator[Problem]:
    """Chinese sentences or punctuation left in an English cell; a Chinese term is welcome."""
    for cell in chapter.of_kind("prose"):
        if cell.lang != "en":
            continue
        for offset, line in _sentences(cell):
            if line.lstrip().startswith(">") and _LONG_CHINESE.search(line):
                continue  # a quotation
            if _LONG_CHINESE.search(line):
                yield at(
                    chapter, cell, "left-in-chinese", "a Chinese sentence in the English text", offset=offset
                )
            elif found := _FULL_WIDTH.search(line):
                message = f"full-width {found[0]!r} in the English text"
                yield at(chapter, cell, "left-in-chinese", message, offset=offset)


def chinese_punctuation(chapter: Chapter) -> Iterator[Problem]:
    """Half-width punctuation and straight quotes among Chinese characters."""
    for cell, offset, line in _chinese_lines(chapter):
        for pattern, message in _HALF_WIDTH:
            if found := pattern.search(line):
                yield at(chapter, cell, "punctuation", f"{message}: “{_around(line, found)}”", offset=offset)
                break


def chinese_spacing(chapter: Chapter) -> Iterator[Problem]:
    """A missing space between Chinese and Latin letters or digits (a warning)."""
    for cell, offset, line in _chinese_lines(chapter):
        if found := _NO_SPACE.search(line):
            message = f"put a space between Chinese and Latin: “{_around(line, found)}”"
            yield at(chapter, cell, "spacing", message, offset=offset, level="warning")


def marks_are_rendered(chapter: Chapter) -> Iterator[Problem]:
    """Emphasis whose asterisks a reader would see: Markdown knows none that ends in punctuation before a letter."""
    for cell in chapter.of_kind("prose", "memo"):
        for token in _MARKDOWN.parse(cell.source):
            for part in token.children or ():
                if part.type == "text" and "*" in part.content:
                    place = part.content.index("*")
                    yield at(
                        chapter,
                        cell,
                        "marks",
                        f"the page would show the asterisk in {part.content[max(0, place - 12) : place + 12]!r}: move the "
                        "punctuation out of the emphasis",
                        offset=token.map[0] if token.map else 0,
                    )


def _around(line: str, found: re.Match[str]) -> str:
    return line[max(0, found.start() - 6) : found.end() + 6].strip()


def _chinese_lines(chapter: Chapter) -> Iterator[tuple[Cell, int, str]]:
    for cell in chapter.cells:
        if (cell.kind == "prose" and cell.lang == "zh") or cell.kind == "memo":
            for offset, line in enumerate(prose_lines(cell.source)):
                yield cell, offset, line
        elif cell.is_code and cell.kind != "case":
            for offset, text in _translations(cell):
                for line in prose_lines(text):
                    yield cell, offset, line


def _translations(cell: Cell) -> Iterator[tuple[int, str]]:
    """Offset and text of each second argument of ``t()``."""
    for node in ast.walk(parsed(cell.source)):
        if isinstance(node, ast.Call) and is_name(node.func, "t") and len(node.args) == 2:
            yield node.args[1].lineno - 1, _text_of(node.args[1])


def _text_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part) if isinstance(part, ast.Constant) else _CODE for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text_of(node.left) + _text_of(node.right)
    return _CODE
