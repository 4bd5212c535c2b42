"""Every explorer, driven once in its chapter: a control is moved with the keyboard and the picture changes."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import lab_driver
import nbformat
import pytest
from lab_driver import PATIENCE, Lab, complaints, open_notebook, run_all
from nbformat import NotebookNode
from playwright.sync_api import Browser, Locator, Page, expect

from autograder.authoring.chapter import Cell, read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import chapter_paths
from userops import explorers

EXPLORERS: Final = [
    found.name
    for found in pkgutil.iter_modules(explorers.__path__)
    if hasattr(importlib.import_module(f"userops.explorers.{found.name}"), "explore")
]
LANG: Final = "zh"  # the edition whose labels and figures have more to go wrong

# The widgets an explorer is made of; the first that is there is moved.
SLIDER: Final = ".noUi-handle"
LIST: Final = "select"
BOX: Final = "input[type=checkbox]"


# ---------------------------------------------------------------- a notebook with nothing but the explorers


def stored_names(cell: Cell) -> set[str]:
    """The names that a cell defines, or changes a part of (``orders["day"] = …``)."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= {inner.id for inner in ast.walk(node.value) if isinstance(inner, ast.Name)}
    return found


def read_names(cell: Cell) -> set[str]:
    """The names that a cell uses."""
    return {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}


def what_it_needs(cells: list[Cell], wanted: list[Cell]) -> list[Cell]:
    """The cells that must run for the ``wanted`` ones to run, in order, the wanted ones included."""
    needed: list[Cell] = []
    names: set[str] = set()
    for cell in reversed(cells):
        if cell in wanted or cell.kind == "locked" or stored_names(cell) & names:
            needed.append(cell)
            names |= read_names(cell)
    return needed[::-1]


@cache
def home_of(name: str, site: Path) -> tuple[str, Cell] | None:
    """The chapter and the cell that show the explorer ``name``."""
    for path in chapter_paths(site):
        for cell in read_chapter(path).cells:
            if cell.is_code and cell.case is None and f"{name}.explore(" in cell.source:
                return path.stem, cell
    return None


def explorers_notebook(site: Path, chapter_name: str, lang: str) -> tuple[Path, dict[str, int]]:
    """Write a notebook with a chapter's explorers alone; returns its path and where each one's cell is."""
    chapter = read_chapter(site / "solutions" / f"{chapter_name}.md")
    shown = {
        name: home[1]
        for name in EXPLORERS
        if (home := home_of(name, site)) is not None and home[0] == chapter_name
    }
    code = [cell for cell in chapter.cells if cell.is_code and cell.case is None and cell.kind != "test"]
    cells = what_it_needs(code, list(shown.values()))
    notebook: NotebookNode = edition(chapter, lang, release=False)
    notebook.cells = [notebook.cells[0], *(nbformat.v4.new_code_cell(cell.source) for cell in cells)]
    path = site / "notebooks" / lang / chapter_name / f"explorers_{lang}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path, {name: 1 + cells.index(cell) for name, cell in shown.items()}


# ---------------------------------------------------------------- driving


@pytest.fixture(scope="module")
def explorer_cell(browser: Browser, lab: Lab) -> Iterator[Callable[[str], Locator]]:
    """Give the run cell of an explorer; a chapter's explorers share one page, opened when the first is asked."""
    opened: dict[str, tuple[Page, dict[str, int], list[str]]] = {}

    def give(name: str) -> Locator:
        home = home_of(name, lab.site)
        assert home is not None, (
            f"no chapter shows the explorer {name}: call {name}.explore(...) in its chapter"
        )
        chapter = home[0]
        if chapter not in opened:
            page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
            page.set_default_timeout(PATIENCE)
            path, places = explorers_notebook(lab.site, chapter, LANG)
            open_notebook(page, lab, path)
            opened[chapter] = page, places, complaints(run_all(page, path))
        page, places, problems = opened[chapter]
        assert not problems
        page.bring_to_front()
        return page.locator(".jp-Notebook .jp-CodeCell").nth(places[name])

    yield give
    for page, _, _ in opened.values():
        page.close()


@pytest.mark.parametrize("name", EXPLORERS)
def test_moving_a_control_changes_the_picture(name: str, explorer_cell: Callable[[str], Locator]) -> None:
    output = explorer_cell(name).locator(".jp-OutputArea-output")
    picture = output.locator("img")
    picture.scroll_into_view_if_needed()
    assert len(picture.get_attribute("alt") or "") > 20, "the picture says in words what it shows"
    before = picture.get_attribute("src") or ""
    move(output)
    expect(picture).not_to_have_attribute("src", before)
    lab_driver.ARTIFACTS.mkdir(parents=True, exist_ok=True)
    output.screenshot(path=lab_driver.ARTIFACTS / f"explorer-{name}.png")


def move(output: Locator) -> None:
    """Move the first control with the keyboard, as somebody without a mouse would."""
    control = output.locator(f"{SLIDER}, {LIST}, {BOX}").first
    kind = control.evaluate("node => node.tagName + (node.type || '')").lower()
    control.focus()
    if "checkbox" in kind:
        control.press("Space")
    elif "select" in kind:
        # The keyboard's way through a list depends on the platform; choosing is the same event.
        last = control.evaluate("node => node.selectedIndex === node.length - 1")
        control.select_option(index=control.evaluate("node => node.selectedIndex") + (-1 if last else 1))
    else:
        highest = control.evaluate(
            "node => node.getAttribute('aria-valuenow') === node.getAttribute('aria-valuemax')"
        )
        control.press("ArrowLeft" if highest else "ArrowRight")
