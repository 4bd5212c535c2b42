"""The language of what a learner reads from code: chart labels, messages, explorer controls."""

from __future__ import annotations

import os
from typing import Final, Literal

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")

_current: str | None = None
_chapter: str | None = None


def use_language(lang: str, chapter: str | None = None) -> None:
    """Fix the language for this process; the first cell of every edition calls it, and says which chapter it is of.

    Raises:
        ValueError: ``lang`` is not one of ``LANGUAGES``.
    """
    global _current, _chapter
    if lang not in LANGUAGES:
        raise ValueError(f"unknown language {lang!r}: use one of {', '.join(LANGUAGES)}")
    _current, _chapter = lang, chapter


def chapter() -> str | None:
    """Return the id of the chapter that the running notebook is, as its first cell said; None elsewhere."""
    return _chapter


def language() -> Language:
    """Return the language in force: the edition's, else ``USEROPS_LANG``, else English."""
    lang = _current or os.environ.get("USEROPS_LANG", "en")
    return "zh" if lang == "zh" else "en"


def t(en: str, zh: str) -> str:
    """Return the text in the language in force.

    >>> t("Retention", "留存率")
    'Retention'
    """
    return zh if language() == "zh" else en
