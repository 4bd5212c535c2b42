"""What a test said, and what stopped a learner's code, in words for the learner.

Nothing here shows a hidden test: only what a check says, and the learner's own lines, are read from a test cell.
What the learner's code printed while a test called it is left out (``spoken``).
"""

from __future__ import annotations

import ast
import functools
import io
import re
from contextlib import redirect_stdout
from typing import Final

from nbformat import NotebookNode

from autograder.grading.outcomes import Complaint
from userops import language, use_language

# Characters of an error's own message: the learner's code writes it, and may hold what a hidden test passed in.
LONGEST_ERROR: Final = 300


def spoken(cell: NotebookNode, visible_ok: str = "") -> tuple[list[str], list[str]]:
    """What a test cell's parts said, right ones and wrong ones: ``✓ the table``, ``✗ the chart: no label``.

    A test cell also holds what the learner's code printed while the test called it, hidden data perhaps. So a
    line counts only where it begins with a name of a part that stands in the test, once; and a second line only
    where it is the test's own text.

    Args:
        cell: an executed test cell with its whole source.
        visible_ok: the line of ``check.visible_ok()``, which is not counted.
    """
    texts = _texts(cell.source)
    parts: dict[str, tuple[bool, list[str]]] = {}
    doubtful: set[str] = set()
    last: list[str] | None = None
    for line in _stdout(cell).splitlines():
        if line.strip() == visible_ok:
            continue
        if line[:1] in ("✓", "✗") and (found := texts.label(line[2:])) is not None:
            label, message = found
            if label in parts or re.search(r"[✓✗] ", message):
                doubtful.add(label)
            last = [line[2:]]
            parts[label] = (line[0] == "✓", last)
        elif last is not None and line.strip() and texts.holds(line.strip()):
            last.append(line)
        else:
            last = None
    right: list[str] = []
    wrong: list[str] = []
    for label, (good, lines) in parts.items():
        (right if good else wrong).append(label if label in doubtful else "\n".join(lines))
    return right, wrong


class _Texts:
    """The literal texts of a test: the names of its parts, its hints."""

    def __init__(self, source: str) -> None:
        try:
            nodes = list(ast.walk(ast.parse(source)))
        except (SyntaxError, ValueError):
            nodes = []
        whole = {
            node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        filled = {_pattern(node) for node in nodes if isinstance(node, ast.JoinedStr)}
        self._lines = frozenset(line.strip() for text in whole for line in text.splitlines())
        self._patterns = tuple(re.compile(pattern) for pattern in sorted(filled) if pattern.strip("(.*?)"))

    def holds(self, text: str) -> bool:
        """Whether the text is one of the test's own lines, or fills one of its patterns."""
        return text in self._lines or any(pattern.fullmatch(text) for pattern in self._patterns)

    def label(self, text: str) -> tuple[str, str] | None:
        """Split ``"the chart: no label"`` into a part's name and the rest; None if no part is called so."""
        # The longest name first: "the chart" and "the chart: colours" may both be parts.
        for end in [match.start() for match in re.finditer("[:：]|$", text)][::-1]:
            name = text[:end].strip()
            if not name or self.holds(name) or all(self.holds(piece) for piece in name.split(" · ")):
                return name, text[end:]
        return None


def _pattern(node: ast.JoinedStr) -> str:
    """An f-string as a pattern: what it fills in may be anything."""
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else "(.*?)" for part in node.values
    )


# A class has the same tests in every notebook.
_texts = functools.lru_cache(maxsize=512)(_Texts)


def _stdout(cell: NotebookNode) -> str:
    return "".join(str(o.text) for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")


@functools.cache
def visible_ok(lang: str) -> str:
    """The line that ``check.visible_ok()`` prints in a language."""
    from userops import check

    before, printed = language(), io.StringIO()
    use_language(lang)
    try:
        with redirect_stdout(printed):
            check.visible_ok()
    finally:
        use_language(before)
    return printed.getvalue().strip()


def says(complaint: Complaint, lang: str) -> str:
    """A test's error as a sentence for the learner."""
    if complaint.from_check:
        return complaint.message
    if complaint.name == "AssertionError":
        return complaint.message or _t(lang, "A check on your answer did not pass.", "有一项检查没有通过。")
    return stopped(complaint, lang)


def stopped(complaint: Complaint, lang: str) -> str:
    """An error that stopped the learner's code, in one sentence."""
    name, message = complaint.name, complaint.message
    if len(message) > LONGEST_ERROR:
        message = f"{message[:LONGEST_ERROR]} …"
    if name == "NotImplementedError" and not message:
        return _t(
            lang,
            "The line `raise NotImplementedError()` is still there: put your code in its place.",
            "`raise NotImplementedError()` 这一行还在：请把它换成你的代码。",
        )
    # The kernel is interrupted as by its stop button, after too long or too much; nobody else could have.
    if name in ("CellTimeoutError", "KeyboardInterrupt"):
        place = f"（`{complaint.where}`）" if complaint.where and lang == "zh" else ""
        place = f" (at the line `{complaint.where}`)" if complaint.where and lang != "zh" else place
        return _t(
            lang,
            f"Your code ran too long, or printed too much, and was stopped{place}: is there a loop that never ends?",
            f"代码运行太久或输出太多，已被中断{place}：是不是有停不下来的循环？",
        )
    if name == "DeadKernelError":
        return _t(
            lang,
            "Python itself stopped here (out of memory?), and nothing after this cell could run.",
            "Python 在这里整个停掉了（内存不足？），后面的单元格都没能运行。",
        )
    if name == "NameError" and not complaint.where and (match := re.search(r"'(\w+)'", message)):
        return _t(
            lang,
            f"`{match[1]}` is not defined yet: your answer must give this name a value.",
            f"`{match[1]}` 还没有定义：答案里要给这个名字赋值。",
        )
    what = f"{name}: {message}" if message else name
    if complaint.where:
        return _t(
            lang,
            f"Your code stopped with `{what}` at the line `{complaint.where}`.",
            f"代码运行到 `{complaint.where}` 这一行时出错：`{what}`。",
        )
    return _t(lang, f"Your code stopped with `{what}`.", f"代码运行时出错：`{what}`。")


def _t(lang: str, en: str, zh: str) -> str:
    return zh if lang == "zh" else en
