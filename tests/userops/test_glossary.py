"""The glossary is sound, speaks both languages, and its checks find each fault."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from userops import glossary, use_language
from userops.errors import CourseError


def test_the_glossary_is_sound() -> None:
    assert glossary.validate() == []
    assert len(glossary.entries()) >= 20


def test_every_chapter_it_names_has_the_form_of_a_chapter_id() -> None:
    for entry in glossary.entries().values():
        assert all(c[:2] == "ch" and c[2:4].isdigit() and c[4] == "_" for c in entry.chapters), entry.id


def test_terms_in_both_languages() -> None:
    assert glossary.term("day_n_retention") == "Day-N retention"
    use_language("zh")
    assert "次日留存" in glossary.term("day_n_retention")


class Cells(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize(
    ("lang", "word", "caption"),
    [("en", "Definition", "Definitions used"), ("zh", "定义", "本章使用的指标口径")],
)
def test_a_table_in_html(lang: str, word: str, caption: str) -> None:
    use_language(lang)
    cells = Cells(glossary.table("dau", "stickiness", "conversion_rate")._repr_html_())
    assert cells.open == []
    assert cells.tags.count("tr") == 4
    assert cells.tags.count("th") == 5 + 3
    assert "caption" in cells.tags
    assert word in cells.words
    assert caption in cells.words
    assert "Daily active users (DAU)" in cells.words  # the other language's name stands beside each term
    assert "日活" in cells.words
    assert "÷" in cells.words


def test_a_table_in_markdown_and_text() -> None:
    table = glossary.table("dau", "stickiness", caption="Mine")
    lines = table._repr_markdown_().splitlines()
    assert lines[0] == "**Mine**"
    assert len({line.count("|") for line in lines[2:]}) == 1
    assert repr(table).startswith("Mine\n- Daily active users (DAU) / 日活跃用户数（DAU，日活）: ")


def test_a_chapter_id_stands_for_all_of_its_terms() -> None:
    shown = [e.id for e in glossary.table("ch04_retention").shown]
    assert {"cohort", "day_n_retention", "churn_rate"} <= set(shown)
    assert [e.id for e in glossary.table("aov", "ch04_retention").shown] == ["aov", *shown]


def test_tools_can_be_left_out() -> None:
    assert "Mixpanel" in repr(glossary.table("cohort")._repr_html_())
    assert "Mixpanel" not in glossary.table("cohort", tools=False)._repr_html_()
    assert "Elsewhere" not in glossary.table("metric_tree")._repr_html_()


def test_html_is_escaped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    raw = [
        {
            "id": "x",
            "en": {"term": "a < b", "definition": "<b>"},
            "zh": {"term": "甲<乙", "definition": "小于"},
            "chapters": ["ch01_metrics"],
        }
    ]
    path = tmp_path / "glossary.yml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    monkeypatch.setattr(glossary, "FILE", path)
    assert "a &lt; b" in glossary.table("x", caption="<i>")._repr_html_()
    assert "<i>" not in glossary.table("x", caption="<i>")._repr_html_()


def test_unknown_terms() -> None:
    with pytest.raises(CourseError, match=r"no term 'stickyness'\. Did you mean 'stickiness'"):
        glossary.table("dau", "stickyness")
    use_language("zh")
    with pytest.raises(CourseError, match="是不是“stickiness”"):
        glossary.term("stickyness")
    with pytest.raises(CourseError, match="至少"):
        glossary.table()


GOOD: dict[str, Any] = {
    "id": "dau",
    "en": {"term": "DAU", "definition": "Users a day."},
    "zh": {"term": "日活", "definition": "每天的用户。"},
    "unit": {"en": "users", "zh": "人"},
    "tools": {"ga4": {"en": "a", "zh": "甲"}},
    "chapters": ["ch01_metrics"],
}


def changed(**changes: Any) -> dict[str, Any]:
    entry = copy.deepcopy(GOOD) | changes
    return {k: v for k, v in entry.items() if v is not ...}


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ({"a": 1}, "must be a list"),
        ([changed(id=...)], "entry 1 has no id"),
        ([3], "entry 1 has no id"),
        ([GOOD, GOOD], "dau: the id appears twice"),
        ([GOOD, changed(id="wau")], "wau: the en term 'DAU' is also that of dau"),
        ([changed(zh=...)], "dau: zh has no term"),
        ([changed(en={"term": "DAU", "definition": " "})], "dau: en has no definition"),
        ([changed(zh={"term": "日活", "definition": "Users a day."})], "not Chinese"),
        ([changed(unit="users")], "unit must be {en: …, zh: …}"),
        ([changed(unit={"en": "users", "zh": ""})], "unit is empty in zh"),
        ([changed(tools={"excel": {"en": "a", "zh": "甲"}})], "unknown tool 'excel'"),
        ([changed(tools={"ga4": {"en": "a"}})], "tools.ga4 must be"),
        ([changed(numerator={"en": "a", "zh": "甲"})], "belong together"),
        ([changed(chapters=...)], "chapters must be a list"),
        ([changed(chapters="ch01_metrics")], "chapters must be a list"),
        ([changed(colour="red")], "unknown key 'colour'"),
    ],
)
def test_each_fault_is_found(raw: Any, fault: str) -> None:
    assert any(fault in p for p in glossary.problems(raw)), glossary.problems(raw)


def test_a_sound_entry_has_no_fault() -> None:
    assert glossary.problems([GOOD]) == []


def test_a_broken_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "glossary.yml"
    path.write_text("- id: [", encoding="utf-8")
    monkeypatch.setattr(glossary, "FILE", path)
    assert "not valid YAML" in glossary.validate()[0]
    path.write_text("- id: dau", encoding="utf-8")
    glossary._read.cache_clear()
    with pytest.raises(CourseError, match=r"needs mending: dau: en has no term"):
        glossary.entries()
