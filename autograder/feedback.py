"""The self-learner's feedback page: one HTML file that needs nothing else, readable on a phone and aloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder.exercises import Outline
from autograder.marks import Marks
from autograder.restore import Change

# (symbol, English, Chinese): the symbol is for the eye only, the words say it all.
STATES: Final = {
    "right": ("✓", "Right", "正确"),
    "partly": ("◐", "Partly right", "部分正确"),
    "not_yet": ("✗", "Not yet right", "还不对"),
    "not_attempted": ("○", "Not attempted yet", "还没有作答"),
    "memo": ("✎", "For you to judge", "请自己评"),
}

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
class Page:
    """What a feedback page is made of.

    ``notebook`` is the path as shown to the learner; ``when`` a moment in words.
    """

    chapter: str
    lang: str
    notebook: str
    when: str
    outline: Outline
    marks: Marks
    changes: Sequence[Change] = ()


def render(page: Page) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = _markdown
    environment.filters["points"] = lambda value: f"{value:g}"
    environment.filters["code"] = _inline_code
    choose = 1 if page.lang == "zh" else 0
    return environment.get_template("feedback.html.j2").render(
        page=page,
        html_lang="zh-CN" if page.lang == "zh" else "en",
        word={key: texts[choose] for key, texts in WORDS.items()},
        states={key: (symbol, *texts)[choose + 1] for key, (symbol, *texts) in STATES.items()},
        symbols={key: symbol for key, (symbol, *_) in STATES.items()},
        change_words={key: texts[choose] for key, texts in CHANGES.items()},
        exercise_word=("Exercise", "练习")[choose],
    )


def _markdown(text: str) -> Markup:
    """The chapter's own Markdown (never a learner's) as HTML."""
    from nbconvert.filters import markdown2html

    return Markup(markdown2html(text))


def _inline_code(text: Any) -> Markup:
    """A message as HTML: escaped, with what stands between backticks set as code, and line breaks kept."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # an odd backtick is just a character
        parts = ["`".join(parts)]
    html = [
        Markup("<code>{}</code>").format(part) if number % 2 else Markup("{}").format(part)
        for number, part in enumerate(parts)
    ]
    return Markup("").join(html)
