"""Worked code reads as if it had been written for one edition alone, and every other character stays."""

from __future__ import annotations

import re

import pytest

from autograder.authoring.chapter import read_chapter
from autograder.authoring.one_language import in_language
from autograder.authoring.repository import chapter_paths, find_root


@pytest.mark.parametrize(
    ("source", "english", "chinese"),
    [
        ('ax.set_title(t("Sessions", "会话数"))', 'ax.set_title("Sessions")', 'ax.set_title("会话数")'),
        (
            "print(f\"{t('users', '用户数')}: {n:,}\")",
            'print(f"users: {n:,}")',
            'print(f"用户数: {n:,}")',
        ),
        ('print(t(f"{n} people", f"{n} 人"))', 'print(f"{n} people")', 'print(f"{n} 人")'),
        ("print(f\"{t('a', '甲')}{{}}\")", 'print("a{}")', 'print("甲{}")'),
        ("print(f\"{t('{', '「')}{n}\")", 'print(f"{{{n}")', 'print(f"「{n}")'),
        (
            'ax.text(\n    1,\n    t(\n        "one",\n        "一",\n    ),  # kept\n)',
            'ax.text(\n    1,\n    "one",  # kept\n)',
            'ax.text(\n    1,\n    "一",  # kept\n)',
        ),
        ("n = 7  # days ｜ 天数", "n = 7  # days", "n = 7  # 天数"),
        ("a = t\nb = ax.t('x', 'y')\nc = t('x')", None, None),
        ("%timeit t('a', '甲')", None, None),
    ],
)
def test_one_text_is_chosen(source: str, english: str | None, chinese: str | None) -> None:
    assert in_language(source, "en") == (source if english is None else english)
    assert in_language(source, "zh") == (source if chinese is None else chinese)


def test_no_chapter_keeps_a_choice_in_its_worked_code() -> None:
    cells = [
        (path.stem, cell.line, cell.source)
        for path in chapter_paths(find_root())
        for cell in read_chapter(path).of_kind("worked")
    ]
    choice = re.compile(r"(?<![\w.])t\(")
    assert any(choice.search(source) for _, _, source in cells)
    for lang in ("en", "zh"):
        left = [(name, line) for name, line, source in cells if choice.search(in_language(source, lang))]
        assert left == []
