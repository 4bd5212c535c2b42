"""Formgrader as an instructor meets it: the class, a submission opened, a comment and points given by hand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from lab_driver import Lab, free_environment, menu, shot
from nbgrader.api import Gradebook
from playwright.sync_api import Page, expect

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition

CHAPTER = "ch01_metrics"
COMMENT = "A clear memo. Say where the number comes from, too. 结论清楚；再补一句数据来源就更好了。"


@pytest.fixture(scope="module")
def gradebook(instructors_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make the course, hand in two submissions (one in each language), grade them; returns the database's address."""
    site = instructors_lab.site
    home = tmp_path_factory.mktemp("instructor")

    def run(*command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=site,
            env=free_environment(home, site),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"

    run("autograder.cli", "course", "--lang", "en", "ch01")
    hand_in(site, "ming", "zh", correct=True)
    hand_in(site, "bo", "en", correct=False)
    run("nbgrader", "autograde", CHAPTER)
    return f"sqlite:///{site / 'course' / 'gradebook.db'}"


def hand_in(site: Path, student: str, lang: str, *, correct: bool) -> None:
    """Put a submission where nbgrader collects it: every answer right, or the first one wrong."""
    chapter = read_chapter(site / "solutions" / f"{CHAPTER}.md")
    answers = {cell.grade_id: cell.source for cell in chapter.of_kind("solution", "memo")}
    if not correct:
        first = chapter.exercises[0]
        wrong = next(cell for cell in first.cases if cell.case and cell.case.wrong and not cell.case.other)
        answers[first.key] = wrong.source
    # Built afresh: the notebooks in notebooks/ belong to the learner of another test.
    notebook = edition(chapter, lang, release=True)
    for cell in notebook.cells:
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(key, cell.source)
    path = site / "course" / "submitted" / student / CHAPTER / f"{CHAPTER}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    (path.parent / "timestamp.txt").write_text("2026-03-02 20:15:00.000000 Asia/Shanghai", encoding="utf-8")


def test_a_submission_is_opened_and_commented(page: Page, instructors_lab: Lab, gradebook: str) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(f"{instructors_lab.base}/lab/workspaces/formgrader?token={instructors_lab.token}&reset")
    menu(page, "Nbgrader", "Formgrader")
    inside = page.frame_locator("iframe[src*='formgrader']")

    row = inside.locator("tr", has_text=CHAPTER)
    expect(row.locator(".num-submissions")).to_have_text("2")
    shot(page, "formgrader-assignments")

    inside.get_by_role("link", name="Manage Students").click()
    for student in ("ming", "bo"):
        expect(inside.locator("tr", has_text=student)).to_be_visible()
    shot(page, "formgrader-class")

    inside.get_by_role("link", name="Manual Grading").click()
    inside.get_by_role("link", name=CHAPTER).click()
    inside.get_by_role("link", name=CHAPTER).click()
    shot(page, "formgrader-submissions")
    inside.get_by_role("link", name="Submission #1").click()

    memo = next(read_chapter(instructors_lab.site / "solutions" / f"{CHAPTER}.md").of_kind("memo"))
    comment = inside.locator(f"#{memo.grade_id}-comment")
    points = inside.locator(f"input.score#{memo.grade_id}")
    # The page fills its fields from the gradebook when it has opened; what is typed before that is lost.
    expect(comment).to_have_attribute("placeholder", re.compile("comment"))
    expect(inside.locator(f"#{memo.grade_id}_extra_credit")).to_have_attribute("placeholder", "0")
    for field, text, saved_at in (
        (comment, COMMENT, "api/comment/"),
        (points, f"{memo.points:g}", "api/grade/"),
    ):
        field.fill(text)
        with page.expect_response(lambda r, at=saved_at: at in r.url and r.request.method == "PUT"):
            field.press("Tab")  # leaving a field saves it
    comment.scroll_into_view_if_needed()
    shot(page, "formgrader-commented")

    # Only what the server has kept comes back.
    inside.get_by_role("link", name=CHAPTER).last.click()
    inside.get_by_role("link", name="Submission #1").click()
    expect(inside.locator(f"#{memo.grade_id}-comment")).to_have_value(COMMENT)
    expect(inside.locator(f"input.score#{memo.grade_id}")).to_have_value(f"{memo.points:g}")

    kept = written_by_hand(gradebook, memo.grade_id or "")
    assert (COMMENT, memo.points) in kept and (None, None) in kept


def written_by_hand(address: str, grade_id: str) -> list[tuple[str | None, float | None]]:
    """The comment and the points that a person gave each submission for one cell."""
    with Gradebook(address, "userops") as gradebook:
        return [
            (
                gradebook.find_comment(grade_id, CHAPTER, CHAPTER, student.id).manual_comment,
                gradebook.find_grade(grade_id, CHAPTER, CHAPTER, student.id).manual_score,
            )
            for student in gradebook.students
        ]
