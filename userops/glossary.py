"""The course's definitions, in both languages, from one file."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from userops._language import language, t
from userops.errors import CourseError

FILE: Final = Path(__file__).with_name("glossary.yml")
TOOLS: Final[dict[str, tuple[str, str]]] = {
    "ga4": ("Google Analytics 4", "Google Analytics 4"),
    "mixpanel": ("Mixpanel", "Mixpanel"),
    "amplitude": ("Amplitude", "Amplitude"),
    "sensors": ("Sensors Data", "神策分析"),
}
_PARTS: Final = ("numerator", "denominator", "unit", "window", "exclusions")
_KEYS: Final = {"id", "en", "zh", "tools", "chapters", *_PARTS}

Pair = Mapping[str, str]


@dataclass(frozen=True)
class Entry:
    """One term. The optional parts and each tool's note are ``{"en": …, "zh": …}``."""

    id: str
    term: Pair
    definition: Pair
    numerator: Pair | None
    denominator: Pair | None
    unit: Pair | None
    window: Pair | None
    exclusions: Pair | None
    tools: Mapping[str, Pair]
    chapters: tuple[str, ...]

    def say(self, part: str) -> str:
        """Return one part in the language in force, empty if the term has none."""
        pair: Pair | None = getattr(self, part)
        return "" if pair is None else str(pair[language()])


def entries() -> dict[str, Entry]:
    """Return all entries by id, in the order of the file.

    Raises:
        CourseError: the file does not hold what it should; the message names the entry.
    """
    return dict(_read(FILE))


def term(key: str) -> str:
    """Return the name of one term in the language in force.

    Raises:
        CourseError: no such term.
    """
    return _find(key).say("term")


def table(*ids: str, tools: bool = True, caption: str | None = None) -> GlossaryTable:
    """Return definitions as a table, for the wrap-up of a chapter; a notebook shows it as HTML.

    Args:
        ids: the terms, in this order; or one chapter id (``"ch01_metrics"``) for all of its terms.
        tools: add how the usual tools differ.
        caption: the table's caption; one is provided.

    Raises:
        CourseError: no such term.
    """
    known = entries()
    wanted: list[Entry] = []
    for key in ids:
        of_chapter = [e for e in known.values() if key in e.chapters]
        wanted.extend(of_chapter if of_chapter and key not in known else [_find(key)])
    if not wanted:
        raise CourseError(t("Name at least one term of the glossary.", "请至少给出一个术语。"))
    default = t("Definitions used in this chapter", "本章使用的指标口径")
    return GlossaryTable(tuple(wanted), tools, default if caption is None else caption)


@dataclass(frozen=True)
class GlossaryTable:
    """A table of definitions that a notebook renders as HTML, a terminal as text."""

    shown: tuple[Entry, ...]
    tools: bool
    caption: str

    def _columns(self) -> list[str]:
        columns = [
            t("Term", "术语"),
            t("Definition", "定义"),
            t("Formula", "算法"),
            t("Unit, window, left out", "单位、窗口、剔除"),
        ]
        return (
            [*columns, t("Elsewhere", "其他工具的口径")]
            if self.tools and any(e.tools for e in self.shown)
            else columns
        )

    def _rows(self) -> list[list[str]]:
        width = len(self._columns())
        return [
            [_name(e), e.say("definition"), _formula(e), _scope(e), _elsewhere(e)][:width] for e in self.shown
        ]

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col" style="text-align:left">{html.escape(c)}</th>' for c in self._columns()
        )
        body = "".join(
            "<tr>"
            + f'<th scope="row" style="text-align:left;vertical-align:top">{_escaped(row[0])}</th>'
            + "".join(
                f'<td style="text-align:left;vertical-align:top">{_escaped(cell)}</td>' for cell in row[1:]
            )
            + "</tr>"
            for row in self._rows()
        )
        lang = "zh-CN" if language() == "zh" else "en"
        caption = f'<caption style="text-align:left;font-weight:bold">{html.escape(self.caption)}</caption>'
        return f'<table lang="{lang}">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'

    def _repr_markdown_(self) -> str:
        def line(cells: list[str]) -> str:
            return "| " + " | ".join(c.replace("|", "\\|").replace("\n", "<br>") for c in cells) + " |"

        columns = self._columns()
        rule = "|" + " --- |" * len(columns)
        return "\n".join([f"**{self.caption}**", "", line(columns), rule, *(line(r) for r in self._rows())])

    def __repr__(self) -> str:
        lines = [self.caption]
        for entry in self.shown:
            parts = [p for p in (_formula(entry), _scope(entry)) if p]
            lines.append(f"- {_name(entry, joint=' / ')}: {entry.say('definition')}")
            lines.extend(f"    {part.replace(chr(10), '; ')}" for part in parts)
        return "\n".join(lines)


def validate() -> list[str]:
    """Return what is wrong with the glossary, one sentence each; empty if all is well."""
    try:
        raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        return [f"glossary.yml is not valid YAML: {error}"]
    return problems(raw)


def problems(raw: Any) -> list[str]:
    """Return what is wrong with a parsed glossary."""
    if not isinstance(raw, list):
        return ["glossary.yml must be a list of entries"]
    found: list[str] = []
    seen: set[str] = set()
    terms: dict[tuple[str, str], str] = {}
    for number, entry in enumerate(raw, start=1):
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            found.append(f"entry {number} has no id")
            continue
        name = entry["id"]
        found.extend(f"{name}: {p}" for p in _entry_problems(entry))
        if name in seen:
            found.append(f"{name}: the id appears twice")
        seen.add(name)
        for lang in ("en", "zh"):
            said = entry.get(lang, {}).get("term") if isinstance(entry.get(lang), dict) else None
            if said and terms.setdefault((lang, said), name) != name:
                found.append(f"{name}: the {lang} term '{said}' is also that of {terms[lang, said]}")
    return found


def _entry_problems(entry: dict[str, Any]) -> list[str]:
    found = [f"unknown key '{k}'" for k in entry if k not in _KEYS]
    for lang in ("en", "zh"):
        body = entry.get(lang)
        for part in ("term", "definition"):
            said = body.get(part) if isinstance(body, dict) else None
            if not isinstance(said, str) or not said.strip():
                found.append(f"{lang} has no {part}")
            elif lang == "zh" and part == "definition" and not _has_chinese(said):
                found.append("the zh definition is not Chinese")
    for part in _PARTS:
        if part in entry:
            found.extend(_pair_problems(part, entry[part]))
    tools = entry.get("tools", {})
    for tool, note in tools.items() if isinstance(tools, dict) else []:
        if tool not in TOOLS:
            found.append(f"unknown tool '{tool}': use one of {', '.join(TOOLS)}")
        found.extend(_pair_problems(f"tools.{tool}", note))
    if ("numerator" in entry) != ("denominator" in entry):
        found.append("numerator and denominator belong together")
    chapters = entry.get("chapters")
    if not isinstance(chapters, list) or not chapters or not all(isinstance(c, str) for c in chapters):
        found.append("chapters must be a list of chapter ids")
    return found


def _pair_problems(part: str, pair: Any) -> list[str]:
    if not isinstance(pair, dict) or set(pair) != {"en", "zh"}:
        return [f"{part} must be {{en: …, zh: …}}"]
    return [f"{part} is empty in {lang}" for lang in ("en", "zh") if not str(pair[lang] or "").strip()]


def _has_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


@lru_cache(maxsize=2)
def _read(path: Path) -> dict[str, Entry]:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    wrong = problems(raw)
    if wrong:
        raise CourseError(f"The glossary ({path.name}) needs mending: {wrong[0]}.")
    return {e["id"]: _entry(e) for e in raw}


def _entry(raw: dict[str, Any]) -> Entry:
    return Entry(
        id=raw["id"],
        term={lang: raw[lang]["term"] for lang in ("en", "zh")},
        definition={lang: raw[lang]["definition"] for lang in ("en", "zh")},
        **{part: raw.get(part) for part in _PARTS},
        tools=raw.get("tools", {}),
        chapters=tuple(raw["chapters"]),
    )


def _find(key: str) -> Entry:
    known = entries()
    if key not in known:
        import difflib

        close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        mean = t(f" Did you mean '{close[0]}'?", f"是不是“{close[0]}”？") if close else ""
        raise CourseError(t(f"The glossary has no term '{key}'.{mean}", f"术语表里没有“{key}”。{mean}"))
    return known[key]


def _name(entry: Entry, joint: str = "\n") -> str:
    """Return the term with its twin in the other language: the trade speaks both."""
    other = "en" if language() == "zh" else "zh"
    return f"{entry.say('term')}{joint}{entry.term[other]}"


def _formula(entry: Entry) -> str:
    if entry.numerator is None:
        return ""
    return f"{entry.say('numerator')} ÷ {entry.say('denominator')}"


def _scope(entry: Entry) -> str:
    left_out = entry.say("exclusions")
    parts = [
        entry.say("unit"),
        entry.say("window"),
        t(f"without: {left_out}", f"剔除：{left_out}") if left_out else "",
    ]
    return "\n".join(p for p in parts if p)


def _elsewhere(entry: Entry) -> str:
    return "\n".join(
        t(f"{t(*TOOLS[k])}: {v[language()]}", f"{t(*TOOLS[k])}：{v[language()]}")
        for k, v in entry.tools.items()
    )


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
