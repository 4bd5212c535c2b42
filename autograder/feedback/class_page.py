"""The page of one graded submission: from its executed notebook and what the gradebook says, in its language."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import nbformat
from nbformat import NotebookNode

from autograder.authoring.repository import Repository
from autograder.feedback.notebook_html import notebook_html
from autograder.feedback.page import CHANGES, ClassDetails, Page, render
from autograder.feedback.safe_html import learner_html
from autograder.grading.check_messages import says
from autograder.grading.marks import mark
from autograder.grading.master import MasterEdition, edition_beside, master_edition
from autograder.grading.outcomes import complaints
from autograder.grading.standings import SubmissionGrades, submission_grades
from autograder.notebooks.outline import outline
from autograder.notebooks.restore import Change
from autograder.notebooks.submissions import language_of_notebook
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory

# Where a run of ours leaves {"met": {test: [key, ...]}, "changes": [[what, id], ...]} in the graded notebook's
# metadata: ``userops grade`` beside the chapter's name, stock ``nbgrader autograde`` by itself.
LEFT: Final = ("userops", "userops_graded")


class ClassPages:
    """Makes the pages of one assignment's graded notebooks.

    Args:
        repo: the checkout, for the chapters in both languages.
        coursedir: nbgrader's course folder, for the course's own sources.
        assignment: the chapter's id.
        notebook: name of the notebook, where an assignment has another or several.
    """

    def __init__(
        self, repo: Repository, coursedir: CourseDirectory, assignment: str, notebook: str = ""
    ) -> None:
        self.assignment, self.notebook = assignment, notebook or assignment
        self.chapter = repo.source(self.notebook)
        folder = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
        self.source = folder / f"{self.notebook}.ipynb"

    def digest(self, text: str, grades: SubmissionGrades) -> str:
        """Name everything that a page is made from: the graded notebook's text, its grades, chapter and looks."""
        parts = (
            text,
            repr(sorted(grades.cells.items())),
            repr((grades.penalty, grades.handed_in)),
            repr([path.stat().st_mtime_ns for path in (self.chapter, self.source) if path.is_file()]),
            _looks(),
        )
        digest = hashlib.blake2b(digest_size=16)
        for part in parts:
            digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()

    def html(self, student: str, text: str, grades: SubmissionGrades, digest: str) -> str:
        """The page, of a graded notebook's text and what the gradebook says.

        Raises:
            CourseError: the notebook is damaged.
        """
        notebook = _parsed(text, student)
        # Not the path: a course may lie in a folder called "en".
        lang = language_of_notebook(notebook, Path("/")) or self._course_language()
        asked = self._asked(lang, grades, notebook)
        misconceptions_met, changes = _left(notebook)
        marks = mark(
            notebook,
            asked.outline.exercises,
            asked.master_cells,
            lang,
            misconceptions_met=misconceptions_met,
            grades=grades.cells,
        )
        moment = f"{grades.handed_in:%Y-%m-%d %H:%M} UTC" if grades.handed_in else ""
        return render(
            Page(
                chapter=self.assignment,
                lang=lang,
                notebook=f"{self.notebook}.ipynb",
                when=moment,
                outline=asked.outline,
                marks=marks,
                changes=changes,
                of_class=ClassDetails(
                    student=student,
                    handed_in=moment,
                    penalty=grades.penalty,
                    notebook=notebook_html(notebook, lang, asked.prose),
                    made_from=digest,
                ),
            )
        )

    def _asked(self, lang: str, grades: SubmissionGrades, notebook: NotebookNode) -> MasterEdition:
        """The chapter in the submission's language, if it is what the gradebook grades by; else as it is there."""
        found = edition_beside(self.chapter, self.source, lang, grades.cells)
        return found or master_edition(notebook)

    def _course_language(self) -> str:
        """For a notebook that does not say: the language of the course."""
        try:
            made = json.loads(self.source.read_text(encoding="utf-8"))["metadata"]["userops"]["lang"]
        except (OSError, ValueError, KeyError, TypeError):
            return "en"
        return "zh" if made == "zh" else "en"


def _left(notebook: NotebookNode) -> tuple[dict[str, list[str]], list[Change]]:
    """Misconceptions and changes that a run of ours noted in the graded notebook."""
    left: dict[str, Any] = {}
    for key in LEFT:
        noted = notebook.metadata.get(key)
        left.update(noted if isinstance(noted, Mapping) else {})
    met, changes = left.get("met"), left.get("changes")
    return (
        {str(test): list(map(str, keys)) for test, keys in met.items() if isinstance(keys, list)}
        if isinstance(met, Mapping)
        else {},
        [
            Change(change[0], str(change[1]))
            for change in (changes if isinstance(changes, list) else [])
            if isinstance(change, list) and len(change) == 2 and change[0] in CHANGES
        ],
    )


def _parsed(text: str, student: str) -> NotebookNode:
    """A graded notebook; not validated again, which would take longer than the page."""
    try:
        notebook: NotebookNode = nbformat.v4.reads(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CourseError(f"{student}'s graded notebook is damaged: grade the submission again.") from None
    return notebook


@functools.cache
def _looks() -> str:
    """A digest of everything that decides how a page looks."""
    # Each stands for the file it is written in, wherever that lies.
    things = (
        ClassPages, complaints, learner_html, mark, notebook_html, outline, render, says, submission_grades,
    )  # fmt: skip
    digest = hashlib.blake2b((Path(__file__).parent / "templates" / "feedback.html.j2").read_bytes())
    for thing in things:
        digest.update(Path(str(inspect.getsourcefile(inspect.unwrap(thing)))).read_bytes())
    return digest.hexdigest()
