"""Worked code in one language: ``t("sessions", "会话数")`` becomes what a person would have typed.

Only cells that nbgrader does not check are treated so; in the others both editions must hold the same text. The
rewriting keeps every other character of the cell as its author wrote it.
"""

from __future__ import annotations

import re
from typing import Final

import libcst as cst

from userops import LANGUAGES

_MARK: Final = re.compile(r"[ \t]*#.*?\S[ \t]+｜[ \t]*\S.*$", re.MULTILINE)


def in_language(source: str, lang: str) -> str:
    """Return a cell's code with each ``t(…, …)`` replaced by its text in one language.

    A text within an f-string becomes part of it. A comment written ``# English ｜ 中文`` keeps one half. A cell
    that is not plain Python (a magic command) is returned as it is.

    Args:
        source: the cell's code.
        lang: ``"en"`` or ``"zh"``.
    """
    source = _comments(source, lang)
    if "t(" not in source:
        return source
    try:
        module = cst.parse_module(source)
    except cst.ParserSyntaxError:
        return source
    return module.visit(_Chooser(LANGUAGES.index("zh" if lang == "zh" else "en"))).code


def _comments(source: str, lang: str) -> str:
    """Keep one half of each comment that stands in both languages."""

    def one(match: re.Match[str]) -> str:
        english, chinese = re.split(r"[ \t]+｜[ \t]*", match[0], maxsplit=1)
        return english if lang == "en" else f"{english[: english.index('#')]}# {chinese.strip()}"

    return _MARK.sub(one, source)


class _Chooser(cst.CSTTransformer):
    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        del original_node
        if not (isinstance(updated_node.func, cst.Name) and updated_node.func.value == "t"):
            return updated_node
        texts = [argument.value for argument in updated_node.args if argument.keyword is None]
        return texts[self.place] if len(texts) == len(updated_node.args) == len(LANGUAGES) else updated_node

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        parts: list[cst.BaseFormattedStringContent] = []
        for before, part in zip(original_node.parts, updated_node.parts, strict=True):
            parts += _folded(before, part, updated_node.start)
        if any(isinstance(part, cst.FormattedStringExpression) for part in parts):
            return updated_node.with_changes(parts=parts)
        if updated_node.start.lower() not in ('f"', "f'"):
            return updated_node.with_changes(parts=parts)
        # Nothing is formatted any more: an ordinary string.
        text = "".join(part.value for part in parts if isinstance(part, cst.FormattedStringText))
        quote = updated_node.start[-1]
        return cst.SimpleString(quote + text.replace("{{", "{").replace("}}", "}") + quote)


def _folded(
    before: cst.BaseFormattedStringContent, part: cst.BaseFormattedStringContent, start: str
) -> list[cst.BaseFormattedStringContent]:
    """A part of an f-string; a text that has just been chosen becomes part of the string around it."""
    if not isinstance(part, cst.FormattedStringExpression) or part.conversion or part.format_spec:
        return [part]
    was_choice = (
        isinstance(before, cst.FormattedStringExpression)
        and isinstance(before.expression, cst.Call)
        and isinstance(before.expression.func, cst.Name)
        and before.expression.func.value == "t"
    )
    if not was_choice:
        return [part]
    chosen, quote = part.expression, start[-1]
    if isinstance(chosen, cst.SimpleString) and not chosen.prefix:
        text = chosen.raw_value
        if quote in text or "\n" in text:
            return [part]
        return [cst.FormattedStringText(text.replace("{", "{{").replace("}", "}}"))]
    if isinstance(chosen, cst.FormattedString) and chosen.prefix == "f" and quote not in _code(chosen.parts):
        return list(chosen.parts)
    return [part]


def _code(parts: object) -> str:
    return "".join(cst.Module([]).code_for_node(part) for part in parts)  # type: ignore[attr-defined]
