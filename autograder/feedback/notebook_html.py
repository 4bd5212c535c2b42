"""A learner's executed notebook as lean, inert HTML: code, outputs, pictures, and no hidden test.

It stands folded below the feedback, for whoever wants to look up what a cell did. The chapter's own prose is left
out but for its headings; what the learner wrote stands as it is. Of a test with a hidden part the visible lines are
shown, and of its outputs only what its checks said: the rest may be what the learner's code printed while the
hidden part called it.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable, Iterator
from typing import Final

from markupsafe import Markup
from nbformat import NotebookNode

from autograder.feedback.safe_html import learner_html, plain, table_html
from autograder.grading.check_messages import says, spoken
from autograder.grading.marks import LONGEST
from autograder.grading.outcomes import complaints, is_test, test_counts, visible_source
from autograder.notebooks.regions import without_hidden

MOST_TEXT: Final = 20_000  # characters of one output
MOST_TABLE: Final = 200_000  # characters of one table's HTML: pandas shows 60 rows, which is far less

_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*$|^(```)", re.MULTILINE)
_FRAME: Final = re.compile(r"\s*Cell In\[(\d+)\]")
_OVERWRITTEN: Final = re.compile(r"[^\n]*\r(?!\n)")
_PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")

# English, Chinese
WORDS: Final = {
    "chart": ("Picture that this cell made", "这个单元格画的图"),
    "attached": ("Picture in this cell", "这个单元格里的图片"),
    "long": ("[the rest is left out]", "［其余省略］"),
    "not_yet": ("✗ Not yet right", "✗ 还不对"),
    "hidden": ("[left out: it shows a hidden test]", "［已略去：其中含有隐藏检查］"),
}


def notebook_html(notebook: NotebookNode, lang: str, prose: frozenset[str] = frozenset()) -> Markup:
    """Return the cells, one after the other.

    Args:
        notebook: executed, with the tests' hidden parts in it; it is not changed.
        lang: ``"en"`` or ``"zh"``.
        prose: the chapter's own Markdown cells, of which only headings are shown.
    """
    return Markup("\n").join(_CellRenderer(notebook, lang).cells(prose))


class _CellRenderer:
    """Renders the cells of one notebook."""

    def __init__(self, notebook: NotebookNode, lang: str) -> None:
        self.notebook, self.lang = notebook, lang
        self.word = {key: texts[lang == "zh"] for key, texts in WORDS.items()}
        self.tests = test_counts(notebook)
        self.hidden = _hidden_lines(tuple(c.source for c in notebook.cells if is_test(c)))

    def cells(self, prose: frozenset[str]) -> Iterator[Markup]:
        for cell in self.notebook.cells:
            if cell.cell_type == "code":
                if cell.source.strip() or cell.outputs:
                    yield self._code(cell)
            elif cell.cell_type == "markdown":
                if cell.source in prose:
                    yield from _headings(cell.source)
                elif not cell.metadata.get("nbgrader", {}).get("solution"):  # a memo stands in its exercise
                    yield Markup('<div class="cell">{}{}</div>').format(
                        learner_html(cell.source), self._attached(cell)
                    )
            else:
                yield Markup('<div class="cell"><pre>{}</pre></div>').format(self._clip(plain(cell.source)))

    def _code(self, cell: NotebookNode) -> Markup:
        source, outputs = cell.source, self._outputs(cell)
        if is_test(cell) and (visible := visible_source(source)) != source:
            source, outputs = visible, self._said(cell)
        count = Markup('<p class="soft">In [{}]</p>').format(cell.execution_count or " ")
        code = Markup('<pre class="code"><code>{}</code></pre>').format(plain(source))
        return Markup('<div class="cell">{}{}{}</div>').format(count, code, Markup("").join(outputs))

    def _said(self, cell: NotebookNode) -> Iterator[Markup]:
        """What a test with a hidden part said."""
        right, wrong = spoken(cell)
        lines = [f"✓ {line}" for line in right] + [f"✗ {line[:LONGEST]}" for line in wrong]
        if lines:
            yield self._text("\n".join(lines))
        for complaint in complaints(cell, self.tests):
            # Never the traceback: anybody can raise a class that is called CheckError.
            text = says(complaint, self.lang)
            yield self._text(f"{self.word['not_yet']}\n{text[:LONGEST]}" if complaint.from_check else text)

    def _outputs(self, cell: NotebookNode) -> Iterator[Markup]:
        for output in cell.outputs:
            if output.output_type == "stream":
                yield self._text(output.text)
            elif output.output_type == "error":
                # A frame of a test shows the lines around it, hidden ones too.
                frames = [item for item in output.traceback if not self._is_tests(item)]
                yield self._text("\n".join(frames) or f"{output.ename}: {output.evalue}")
            elif output.output_type in ("display_data", "execute_result"):
                yield self._shown(output.data)

    def _is_tests(self, frame: str) -> bool:
        match = _FRAME.match(plain(frame))
        return bool(match and int(match[1]) in self.tests)

    def _shown(self, data: NotebookNode) -> Markup:
        """The best of an output's forms."""
        for kind in _PICTURES:
            if kind in data:
                return self._picture(kind, str(data[kind]), self.word["chart"])
        if "image/svg+xml" in data:
            # As a picture it can neither run nor fetch anything.
            encoded = base64.b64encode(str(data["image/svg+xml"]).encode("utf-8", "replace")).decode("ascii")
            return self._picture("image/svg+xml", encoded, self.word["chart"])
        if "<table" in (table := str(data.get("text/html", ""))) and len(table) <= MOST_TABLE:
            if self._reveals(table):
                return self._text(self.word["hidden"])
            return Markup('<div class="scroll" tabindex="0">{}</div>').format(table_html(table))
        if "text/markdown" in data and not self._reveals(text := str(data["text/markdown"])):
            return Markup("<div>{}</div>").format(learner_html(self._clip(text)))
        return self._text(str(data["text/plain"])) if "text/plain" in data else Markup("")

    def _picture(self, kind: str, encoded: str, words: str) -> Markup:
        return Markup('<img loading="lazy" alt="{}" src="data:{};base64,{}">').format(
            words, kind, encoded.replace("\n", "")
        )

    def _attached(self, cell: NotebookNode) -> Markup:
        """Pictures pasted into a Markdown cell."""
        files = cell.get("attachments")
        pictures = [
            self._picture(kind, str(encoded), self.word["attached"])
            for file in (files.values() if isinstance(files, dict) else ())
            if isinstance(file, dict)
            for kind, encoded in file.items()
            if kind in _PICTURES
        ]
        return Markup("").join(pictures)

    def _text(self, text: str) -> Markup:
        text = _OVERWRITTEN.sub("", plain(text)).rstrip()
        if self._reveals(text):
            text = self.word["hidden"]
        return Markup('<pre class="out">{}</pre>').format(self._clip(text)) if text else Markup("")

    def _clip(self, text: str) -> str:
        return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}\n{self.word['long']}"

    def _reveals(self, text: str) -> bool:
        """Whether a line of a hidden test stands in a text: a second line of defence."""
        return any(line in text for line in self.hidden)


@functools.lru_cache(maxsize=8)
def _hidden_lines(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Lines that stand in hidden tests alone, long enough to be told from anything else."""
    shown = "\n".join(without_hidden(source) for source in sources)
    lines = (line.strip() for source in sources for line in source.splitlines())
    return tuple(dict.fromkeys(line for line in lines if len(line) > 30 and line not in shown))


@functools.lru_cache(maxsize=1024)
def _headings(source: str) -> tuple[Markup, ...]:
    """The headings of a prose cell, as headings of the page's third level."""
    return tuple(_outside_fences(_HEADING.finditer(source)))


def _outside_fences(matches: Iterable[re.Match[str]]) -> Iterator[Markup]:
    fenced = False
    for match in matches:
        if match[2]:
            fenced = not fenced
        elif not fenced:
            yield Markup("<h3>{}</h3>").format(match[1].replace("`", "").replace("*", ""))
