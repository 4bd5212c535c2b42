"""A class's feedback page on a phone: nothing to push sideways, letters large and dark enough, nothing that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import lab_driver
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from playwright.sync_api import Page, expect

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import Repository
from autograder.feedback.notebook_html import notebook_html
from autograder.feedback.page import ClassDetails, render
from autograder.feedback.page import Page as Contents
from autograder.grading.marks import CellGrade, mark
from autograder.grading.master import from_edition
from autograder.notebooks.outline import outline
from autograder.notebooks.restore import Change, restore

REPO: Final = Repository(Path(__file__).resolve().parents[2])
NAME: Final = "ch01_metrics"
HOSTILE: Final = """# Memo

<script>window.hit = 1</script> <img src="https://evil.example/x.png" onerror="window.hit = 2">

[press](javascript:window.hit=3) ![x](https://evil.example/y.png)

| a | b |
|---|---|
| a_name_that_is_far_too_long_for_any_phone_that_was_ever_sold_and_has_no_place_to_break | 2 |
"""

# For every piece of text: its colour's contrast with the first ground below it that is not transparent.
CONTRAST: Final = """() => {
  const parts = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => {
    const [r, g, b] = parts(c).map((p) => p / 255).map((p) => (p <= 0.03928 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor, p = parts(c);
      if (p.length === 3 || p[3] > 0) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility()) continue;
    const style = getComputedStyle(e), [a, b] = [light(style.color), light(ground(e))].sort((x, y) => y - x);
    found.push({
      text: walker.currentNode.data.trim().slice(0, 40),
      ratio: (a + 0.05) / (b + 0.05),
      size: parseFloat(style.fontSize),
      prose: !e.closest("code, pre, .cell table"),
    });
  }
  return found;
}"""


def html(lang: str) -> str:
    """A page of the real chapter with every state, comments, a penalty, and a notebook full of wide outputs."""
    chapter = read_chapter(REPO.source(NAME))
    master = edition(chapter, lang, release=False)
    notebook, master_cells = edition(chapter, lang, release=True), from_edition(master)
    restore(notebook, master_cells)
    grades: dict[str, CellGrade] = {}
    for number, cell in enumerate(c for c in notebook.cells if "nbgrader" in c.metadata):
        meta = cell.metadata.nbgrader
        if meta.solution:
            cell.source = HOSTILE if cell.cell_type == "markdown" else f"answer = {number}"
            grades[meta.grade_id] = CellGrade(comment="Nearly. **Why?**")
        elif meta.grade:
            cell.outputs = [
                new_output("error", ename="CheckError", evalue="Wrong. " * 30, traceback=["x" * 300])
            ]
        if meta.grade:
            by_hand = bool(meta.solution)
            grades[meta.grade_id] = CellGrade(
                float(number % 3), meta.points, extra=float(by_hand), by_hand=by_hand, comment="Good."
            )
    wide = pd.DataFrame({f"a_long_column_{n}": [f"value {n}"] * 3 for n in range(20)})
    notebook.cells += [
        new_code_cell(
            "x = 1  # " + "long " * 60,
            outputs=[
                new_output("display_data", data={"text/html": wide._repr_html_(), "text/plain": "x"}),
                new_output("stream", name="stdout", text="w" * 500),
                new_output("display_data", data={"text/html": "<table><tr><td><script>window.hit=4</script></td></tr></table>"}),
            ],
        ),
        new_markdown_cell(HOSTILE),
    ]  # fmt: skip
    asked = outline(master)
    marks = mark(
        notebook,
        asked.exercises,
        master_cells,
        lang,
        grades=grades,
        misconceptions_met={"dau_test": ["rows"]},
    )
    return render(
        Contents(
            chapter=NAME,
            lang=lang,
            notebook="",
            when="",
            outline=asked,
            marks=marks,
            changes=[Change("edited", "dau_test")],
            of_class=ClassDetails(
                "ada", "2026-03-04 05:06 UTC", 1.5, notebook_html(notebook, lang), "0" * 32
            ),
        )
    )


@pytest.mark.parametrize(("lang", "scheme"), [("en", "light"), ("zh", "dark")])
def test_a_phone_shows_the_page_whole_and_legible(page: Page, lang: str, scheme: Any) -> None:
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    page.set_content(html(lang))
    for folded in (True, False):
        if not folded:
            page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        texts = page.evaluate(CONTRAST)
        assert len(texts) > 100
        assert [t for t in texts if t["ratio"] < 4.5] == []
        assert [t for t in texts if t["prose"] and t["size"] < 16] == []
        assert [t for t in texts if t["size"] < 14] == []
    assert page.evaluate("window.hit === undefined")
    assert [url for url in asked_for if not url.startswith("data:")] == []
    lab_driver.shot(page, f"feedback-{lang}-{scheme}")


def test_the_page_can_be_read_aloud_and_walked_by_keyboard(page: Page) -> None:
    page.set_content(html("en"))
    for role in ("banner", "main", "navigation", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]
    overview = page.get_by_role("table").first
    expect(overview.get_by_role("columnheader")).to_have_text(["Exercise", "Result", "Points"])
    row = overview.get_by_role("row", name="1.1 People, not clicks")
    expect(row.get_by_role("rowheader")).to_have_count(1)
    # What is heard is a word, without its symbol.
    assert '- cell "Not yet right"' in row.aria_snapshot()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the exercises")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    # The next stop lies inside the first exercise.
    assert page.evaluate("document.activeElement.closest('section').id") == "e1"
