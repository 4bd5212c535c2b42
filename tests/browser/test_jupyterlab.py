"""JupyterLab as a learner meets it: nbgrader's menus, chapter 1 from the first cell to Validate."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from lab_driver import (
    ERROR,
    PATIENCE,
    Lab,
    complaints,
    find_chromium,
    menu,
    open_notebook,
    read_notebook,
    run_all,
    save,
    shot,
    type_into,
)
from playwright.sync_api import Locator, Page, expect

from autograder.authoring.chapter import Chapter, ExerciseSource, read_chapter

CHAPTER = "ch01_metrics"


def chapter_of(site: Path) -> Chapter:
    return read_chapter(site / "solutions" / f"{CHAPTER}.md")


def answered(site: Path, lang: str, *, without: str) -> Path:
    """Write a learner's notebook of chapter 1 with every answer but one, and return its path."""
    path = site / "notebooks" / lang / CHAPTER / f"{CHAPTER}.ipynb"
    notebook = read_notebook(path)
    solutions = {cell.grade_id: cell.source for cell in chapter_of(site).of_kind("solution", "memo")}
    for cell in notebook.cells:
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        if key in solutions and key != without:
            cell.source = solutions[key]
    nbformat.write(notebook, path)
    return path


def exercise_to_answer(chapter: Chapter) -> ExerciseSource:
    """The first exercise: the one a learner meets first."""
    return chapter.exercises[0]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_chapter_1_is_answered_and_validated(page: Page, lab: Lab, lang: str) -> None:
    chapter = chapter_of(lab.site)
    exercise = exercise_to_answer(chapter)
    path = answered(lab.site, lang, without=exercise.key)
    open_notebook(page, lab, path)
    assert complaints(read_notebook(path)), "a notebook that has not been run must not pass for one that has"
    expect(page.locator(".jp-Notebook h1").first).to_contain_text(chapter.title[lang])
    shot(page, f"chapter1-{lang}-opened")

    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(code_index(path, exercise.key))
    type_into(cell, exercise.solution.source)
    run = run_all(page, path)
    assert not complaints(run)
    page.locator(".jp-CodeCell .jp-Placeholder-content").first.scroll_into_view_if_needed()
    shot(page, f"chapter1-{lang}-run")
    expect(validate(page)).to_contain_text("Success! Your notebook passes all the tests.")
    shot(page, f"chapter1-{lang}-validated")
    dismiss(page)

    if lang == "zh":
        return  # the way to a failure is the same in both editions; once is enough
    wrong = next(case for case in exercise.cases if case.case and case.case.wrong and not case.case.other)
    type_into(cell, wrong.source)
    save(page, path)
    dialog = validate(page)
    expect(dialog).to_contain_text("failed")
    expect(dialog).to_contain_text("Not yet right")
    dialog.locator("pre").last.scroll_into_view_if_needed()
    shot(page, f"chapter1-{lang}-not-yet")
    dismiss(page)


def code_index(path: Path, grade_id: str) -> int:
    """The place of a cell among the notebook's code cells."""
    code = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
    return next(
        i for i, cell in enumerate(code) if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )


def validate(page: Page) -> Locator:
    """Press Validate and return the dialog that answers."""
    page.get_by_role("button", name="Validate").click()
    answer = page.locator(".jp-Dialog-content", has_text="Validation Results")
    expect(answer).to_be_visible()
    return answer


def dismiss(page: Page) -> None:
    page.locator(".jp-Dialog-button").last.click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)


def test_a_learner_sees_no_instructors_panel(page: Page, lab: Lab) -> None:
    open_notebook(page, lab, lab.site / "notebooks" / "en" / CHAPTER / f"{CHAPTER}.ipynb")
    expect(page.get_by_role("button", name="Validate")).to_be_visible()
    expect(page.get_by_role("tab", name="Create Assignment")).to_have_count(0)
    page.locator(".lm-MenuBar-itemLabel", has_text="Nbgrader").click()
    expect(page.locator(".lm-Menu-itemLabel", has_text="Assignment List")).to_be_visible()
    expect(page.locator(".lm-Menu-itemLabel", has_text="Formgrader")).to_have_count(0)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_untouched_chapter_runs_to_its_end_with_its_tests_folded(page: Page, lab: Lab, lang: str) -> None:
    path = lab.site / "notebooks" / lang / "ch00_orientation" / "ch00_orientation.ipynb"
    open_notebook(page, lab, path)
    folded = page.locator(".jp-CodeCell .jp-Placeholder-content", has_text="检查")
    expect(folded.first).to_be_visible()
    menu(page, "Run", "Run All Cells")
    last = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").last
    expect(last).to_have_text(re.compile(r"\[\d+\]:"), timeout=PATIENCE)
    waits = "Not attempted yet" if lang == "en" else "还没有作答"
    expect(page.locator(".jp-OutputArea", has_text=waits).first).to_be_attached()
    expect(page.locator(ERROR)).to_have_count(0)
    page.locator(".jp-Notebook h3", has_text="0.2").first.scroll_into_view_if_needed()
    shot(page, f"untouched-{lang}")


def test_nbgraders_menus_open(page: Page, instructors_lab: Lab) -> None:
    lab = instructors_lab
    open_notebook(page, lab, lab.site / "notebooks" / "en" / CHAPTER / f"{CHAPTER}.ipynb")
    expect(page.get_by_role("button", name="Validate")).to_be_visible()
    page.get_by_role("tab", name="Create Assignment").click()
    expect(page.locator(".nbgrader-CreateAssignmentWidget").first).to_be_visible()
    shot(page, "create-assignment")
    menu(page, "Nbgrader", "Assignment List")
    expect(page.locator("#released_assignments_list, .released_assignments")).to_be_visible()
    shot(page, "assignment-list")
    menu(page, "Nbgrader", "Course List")
    expect(page.get_by_role("link", name="userops")).to_be_visible()
    shot(page, "course-list")
    menu(page, "Nbgrader", "Formgrader")
    formgrader = page.frame_locator("iframe[src*='formgrader']")
    expect(formgrader.get_by_role("heading", name="Manage Assignments")).to_be_visible()
    shot(page, "formgrader-opened")


def test_a_missing_browser_is_said_in_one_sentence() -> None:
    with pytest.raises(Exception, match=r"need Chromium or Chrome.*install it .*apt install chromium.*\.$"):
        find_chromium(which=lambda name: None)
