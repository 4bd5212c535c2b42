"""The feedback page: one HTML file that needs nothing else, readable on a phone and aloud.

A self-learner (``userops check``) and a class (``autograder.feedback.writer``) read the same page. A class page
adds what a gradebook knows: points and comments given by hand, a late penalty, and the notebook as it was run.
Whatever a learner wrote comes through ``autograder.feedback.safe_html``; should that ever fail, the page's own policy
still lets no script run and nothing be fetched.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from autograder.feedback.safe_html import chapter_html, learner_html, plain
from autograder.grading.marks import Marks
from autograder.grading.single import CheckResult
from autograder.notebooks.outline import Outline
from autograder.notebooks.restore import Change

# (symbol, English, Chinese): the symbol is for the eye only, the words say it all.
STATES: Final = {
    "right": ("✓", "Right", "正确"),
    "partly": ("◐", "Partly right", "部分正确"),
    "not_yet": ("✗", "Not yet right", "还不对"),
    "not_attempted": ("○", "Not attempted yet", "还没有作答"),
    "memo": ("✎", "For you to judge", "请自己评"),
    "marked": ("✎", "Marked by your instructor", "老师已评"),
}

# Where an instructor judges, not the learner.
CLASS_STATES: Final = {**STATES, "memo": ("✎", "Waits for your instructor", "等老师评阅")}

WORDS: Final = {
    "feedback": ("Feedback", "学习反馈"),
    "points": ("points", "分"),
    "so_far": ("so far, from the tests", "目前由检查得到"),
    "by_hand": ("{} more points for what only a reader can judge", "另有 {} 分要由人来评"),
    "overview": ("At a glance", "总览"),
    "asked": ("What was asked", "题目"),
    "right": ("What is right", "已经做对的"),
    "all_right": ("Every check passes, the hidden ones included.", "所有检查都通过了，隐藏检查也包括在内。"),
    "wrong": ("What is not right yet, and why", "还不对的地方，以及为什么"),
    "no_words": ("A check on other data does not pass yet.", "换一批数据以后，还有检查没有通过。"),
    "not_attempted": (
        "Nothing has been written here yet. Answer in the notebook, save it, and check again.",
        "这里还没有作答。在 notebook 里写下答案、保存，再检查一次。",
    ),
    "again": ("Where to read again", "可以重读"),
    "your_answer": ("Your answer", "你的回答"),
    "model": ("A model answer to compare with", "可供对照的参考答案"),
    "judge": (
        "No test can read this. Compare your answer with the rubric and the model answer, and give yourself the points.",
        "这道题没有检查能代读。请对照评分标准和参考答案，自己给分。",
    ),
    "restored": ("Cells put back for this check", "检查时补回或还原的单元格"),
    "restored_why": (
        "In your notebook these cells were changed, copied or missing. The check used the original ones; your file was not touched.",
        "这些单元格在你的 notebook 里被改动、重复或删掉了。检查时用的是原来的内容，你的文件没有动。",
    ),
    "hidden": (
        "Hidden tests ran too; they try your answer on other data and are not shown.",
        "隐藏检查也已运行：它们用另一批数据检验你的答案，内容不公开。",
    ),
    "checked": ("Checked", "检查时间"),
    "again_command": ("Save your notebook, then check again with", "保存 notebook 以后，再次检查："),
    "skip": ("Skip to the exercises", "跳到各题"),
    "exercise": ("Exercise", "练习"),
    "state": ("Result", "结果"),
    "earned": ("Points", "得分"),
    "extra": (" ({} of them extra credit)", "（其中附加分 {} 分）"),
    "known": ("Misconception recognised", "识别出的误区"),
    "penalty": ("Late penalty", "迟交扣分"),
    "given": ("Your instructor gave these points.", "这道题的分数由老师给出。"),
    "comment": ("Your instructor's comment", "老师的评语"),
    "waits": (
        "Your instructor will read this and give the points.",
        "这道题由老师阅读后给分。",
    ),
    "handed_in": ("Handed in", "提交时间"),
    "notebook": ("Your notebook as it was run", "运行后的 notebook"),
    "notebook_show": ("Show the cells and their outputs", "展开单元格和输出"),
}

# What a class page says otherwise.
CLASS_WORDS: Final = {
    "so_far": ("so far", "目前得分"),
    "by_hand": ("{} more points wait for your instructor", "另有 {} 分等老师评阅"),
    "not_attempted": ("Nothing has been written here.", "这里没有作答。"),
    "restored": ("Cells put back before grading", "评分前补回或还原的单元格"),
    "restored_why": (
        "In your notebook these cells were changed, copied or missing. The original ones were graded.",
        "这些单元格在你的 notebook 里被改动、重复或删掉了。评分时用的是原来的内容。",
    ),
}

CHANGES: Final = {
    "missing": ("was missing", "缺失"),
    "duplicate": ("stood there twice", "重复"),
    "edited": ("had been changed", "被改动"),
    "retyped": ("had changed its type", "类型被改"),
    "stripped": ("had lost its nbgrader label", "丢了 nbgrader 标记"),
    "unknown": ("is no cell of this chapter", "不是本章的单元格"),
}


@dataclass(frozen=True)
class ClassDetails:
    """What a class page has more than a self-learner's.

    Attributes:
        student: the student's id.
        handed_in: when, in words; empty if nobody knows.
        penalty: points taken for being late.
        notebook: the executed notebook as safe HTML (``autograder.feedback.notebook_html``).
        made_from: a digest of everything that the page was made from.
    """

    student: str
    handed_in: str = ""
    penalty: float = 0.0
    notebook: Markup | None = None
    made_from: str = ""


@dataclass(frozen=True)
class Page:
    """What a feedback page is made of.

    ``notebook`` is the path as shown to the learner; ``when`` a moment in words; ``of_class`` makes it a class page.
    """

    chapter: str
    lang: str
    notebook: str
    when: str
    outline: Outline
    marks: Marks
    changes: Sequence[Change] = ()
    of_class: ClassDetails | None = None


def page_of(result: CheckResult, notebook: str) -> Page:
    """The page of a self-learner's result; ``notebook`` is the path to show."""
    return Page(
        chapter=result.chapter,
        lang=result.lang,
        notebook=notebook,
        when=f"{datetime.now().astimezone():%Y-%m-%d %H:%M}",
        outline=result.outline,
        marks=result.marks,
        changes=result.changes,
    )


def render(page: Page) -> str:
    """Return the page as HTML."""
    choose = 1 if page.lang == "zh" else 0
    words = {**WORDS, **CLASS_WORDS} if page.of_class else WORDS
    states = CLASS_STATES if page.of_class else STATES
    return _template().render(
        page=page,
        html_lang="zh-CN" if page.lang == "zh" else "en",
        points_in_all=page.marks.points - (page.of_class.penalty if page.of_class else 0.0),
        word={key: texts[choose] for key, texts in words.items()},
        states={key: (symbol, *texts)[choose + 1] for key, (symbol, *texts) in states.items()},
        symbols={key: symbol for key, (symbol, *_) in states.items()},
        change_words={key: texts[choose] for key, texts in CHANGES.items()},
    )


@functools.cache
def _template() -> Template:
    """The page's template, compiled once a process."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["chapter"] = chapter_html
    environment.filters["learner"] = learner_html
    environment.filters["points"] = lambda value: f"{round(value, 4):g}"
    environment.filters["code"] = _inline_code
    return environment.get_template("feedback.html.j2")


def _inline_code(text: Any) -> Markup:
    """A message as HTML: escaped, with what stands between backticks set as code, and line breaks kept."""
    parts = plain(text).split("`")
    if len(parts) % 2 == 0:  # an odd backtick is just a character
        parts = ["`".join(parts)]
    html = [
        Markup("<code>{}</code>").format(part) if number % 2 else Markup("{}").format(part)
        for number, part in enumerate(parts)
    ]
    return Markup("").join(html)
