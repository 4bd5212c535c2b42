"""A class's feedback pages: from the graded notebook and the gradebook to one HTML file a submission.

Two doors, one page: ``userops grade`` calls ``write_feedback`` (or holds a ``Writer`` open while it grades), and
stock ``nbgrader generate_feedback`` calls ``FeedbackExporter``, which ``nbgrader_config.py`` names. A page whose
graded notebook, grades, chapter and looks are as they were is not written again.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import nbformat
from nbformat import NotebookNode
from sqlalchemy import Connection

from autograder.authoring.repository import Repository
from autograder.feedback.notebook_html import notebook_html
from autograder.feedback.page import CHANGES, Graded, Page, render
from autograder.feedback.safe_html import learner_html
from autograder.grading.marks import mark
from autograder.grading.outcomes import complaints
from autograder.notebooks.outline import outline
from autograder.notebooks.restore import Change
from autograder.notebooks.submissions import language_of
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory
from autograder.grading.master import Asked, asked_from_chapter, asked_from_notebook, asks
from autograder.grading.standings import Standing, database, standing

# Where a run of ours leaves {"met": {test: [key, ...]}, "changes": [[what, id], ...]} in the graded notebook's
# metadata: ``userops grade`` beside the chapter's name, stock ``nbgrader autograde`` by itself.
LEFT: Final = ("userops", "userops_graded")
# Files that nbgrader puts beside the page, and asks for when it releases feedback.
BESIDE: Final = ("timestamp.txt", "submission_secret.txt")


# ------------------------------------------------------------------------------------------ the writer


@dataclass(frozen=True)
class Written:
    """What became of one submission's page; ``trouble`` is a sentence if there is none."""

    student: str
    path: Path
    changed: bool = False
    trouble: str | None = None


@dataclass
class Writer:
    """Writes feedback pages of one assignment.

    Attributes:
        repo: the checkout, for the chapters in both languages.
        coursedir: nbgrader's course folder, for paths and the gradebook's address.
        assignment: the chapter's id.
        notebook: name of the notebook, where an assignment has another or several.
    """

    repo: Repository
    coursedir: CourseDirectory
    assignment: str
    notebook: str = ""
    lang: str | None = None
    _connection: Connection | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.notebook = self.notebook or self.assignment

    def __enter__(self) -> Writer:
        self._connection = database(self.coursedir.db_url).connect()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def path(self, student: str) -> Path:
        """Where a student's page is, or will be."""
        return self._folder(self.coursedir.feedback_directory, student) / f"{self.notebook}.html"

    def write(
        self,
        student: str,
        notebook: NotebookNode | None = None,
        *,
        misconceptions_met: Mapping[str, Sequence[str]] | None = None,
        changes: Sequence[Change] | None = None,
        lang: str | None = None,
        force: bool = False,
    ) -> Written:
        """Write one student's page, unless it would be the same.

        Args:
            student: the id.
            notebook: the executed notebook, hidden parts and all, if it is at hand; else it is read from
                ``autograded/``. It is not changed.
            misconceptions_met, changes: misconceptions met and cells put right; else those that the notebook's metadata hold.
            lang: the page's language; else the notebook's own.
            force: write in any case.

        Raises:
            CourseError: the submission has not been graded, or the page cannot be written.
        """
        target = self.path(student)
        graded = self._folder(self.coursedir.autograded_directory, student)
        text = self._text(graded, student) if notebook is None else json.dumps(notebook, sort_keys=True)
        stands = self._standing(student)
        digest = self._digest(text, stands, misconceptions_met, changes, lang)
        new = force or not _is_made_from(target, digest)
        if new:
            notebook = _parsed(text, student) if notebook is None else notebook
            page = self._page(student, notebook, stands, misconceptions_met, changes, lang, digest)
        try:
            if new:
                target.parent.mkdir(parents=True, exist_ok=True)
                _replace(target, page, 0o664 if self.coursedir.groupshared else 0o644)
            for name in BESIDE:
                _copy(graded / name, target.parent / name)
        except OSError as error:
            raise CourseError(
                f"{target} cannot be written ({error.strerror}): check permissions and free space, and run this again."
            ) from error
        return Written(student, target, new)

    def html(self, student: str, text: str) -> str:
        """The page alone, of a graded notebook's file."""
        stands = self._standing(student)
        digest = self._digest(text, stands, None, None, None)
        return self._page(student, _parsed(text, student), stands, None, None, None, digest)

    def _page(
        self,
        student: str,
        notebook: NotebookNode,
        stands: Standing,
        misconceptions_met: Mapping[str, Sequence[str]] | None,
        changes: Sequence[Change] | None,
        lang: str | None,
        digest: str,
    ) -> str:
        # Not the path: a course may lie in a folder called "en".
        lang = lang or language_of(notebook, Path("/")) or self._fallback()
        asked = self._asked(lang, stands, notebook)
        left = _left(notebook)
        marks = mark(
            notebook,
            asked.outline.exercises,
            asked.master_cells,
            lang,
            grades=stands.grades,
            misconceptions_met=left[0] if misconceptions_met is None else misconceptions_met,
        )
        moment = f"{stands.handed_in:%Y-%m-%d %H:%M} UTC" if stands.handed_in else ""
        return render(
            Page(
                chapter=self.assignment,
                lang=lang,
                notebook=f"{self.notebook}.ipynb",
                when=moment,
                outline=asked.outline,
                marks=marks,
                changes=left[1] if changes is None else changes,
                graded=Graded(
                    student=student,
                    handed_in=moment,
                    penalty=stands.penalty,
                    notebook=notebook_html(notebook, lang, asked.prose),
                    made_from=digest,
                ),
            )
        )

    def _folder(self, step: str, student: str) -> Path:
        return Path(self.coursedir.format_path(step, student, self.assignment))

    def _text(self, folder: Path, student: str) -> str:
        try:
            return (folder / f"{self.notebook}.ipynb").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise CourseError(
                f"{student} has no graded notebook for {self.assignment}: grade it first."
            ) from None

    def _standing(self, student: str) -> Standing:
        if self._connection is not None:
            with self._connection.begin():
                return standing(self._connection, student, self.assignment, self.notebook)
        with database(self.coursedir.db_url).connect() as connection:
            return standing(connection, student, self.assignment, self.notebook)

    def _source(self) -> Path:
        return self._folder(self.coursedir.source_directory, ".") / f"{self.notebook}.ipynb"

    def _asked(self, lang: str, stands: Standing, notebook: NotebookNode) -> Asked:
        """The chapter in the submission's language, if it is what the gradebook grades by; else as it is there."""
        source = self.repo.source(self.notebook)
        if source.is_file():
            asked = asked_from_chapter(source, source.stat().st_mtime_ns, lang)
            if asked.graded == stands.grades.keys():
                return asked
        if self._source().is_file():
            return asked_from_notebook(self._source(), self._source().stat().st_mtime_ns)
        return asks(copy.deepcopy(notebook))

    def _fallback(self) -> str:
        """The language of a notebook that does not say: the course's."""
        try:
            made = json.loads(self._source().read_text(encoding="utf-8"))["metadata"]["userops"]["lang"]
        except (OSError, ValueError, KeyError, TypeError):
            return "en"
        return "zh" if made == "zh" else "en"

    def _digest(self, text: str, stands: Standing, *told: object) -> str:
        chapter = self.repo.source(self.notebook)
        parts = (
            text,
            repr(sorted(stands.grades.items())),
            repr((stands.penalty, stands.handed_in)),
            repr(told),
            repr([path.stat().st_mtime_ns for path in (chapter, self._source()) if path.is_file()]),
            _looks(),
        )
        digest = hashlib.blake2b(digest_size=16)
        for part in parts:
            digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()


def write_feedback(
    repo: Repository,
    coursedir: CourseDirectory,
    assignment: str,
    students: Iterable[str],
    *,
    force: bool = False,
) -> Iterator[Written]:
    """Write the pages of graded submissions, one after the other; a trouble with one stops no other."""
    with Writer(repo, coursedir, assignment) as writer:
        for student in students:
            try:
                yield writer.write(student, force=force)
            except CourseError as error:
                yield Written(student, writer.path(student), trouble=str(error))


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
        return nbformat.v4.reads(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CourseError(f"{student}'s graded notebook is damaged: grade the submission again.") from None


def _is_made_from(page: Path, digest: str) -> bool:
    try:
        with page.open(encoding="utf-8") as file:
            start = file.read(2000)
    except (OSError, UnicodeDecodeError):
        return False
    return f'name="userops-made-from" content="{digest}"' in start


@functools.cache
def _looks() -> str:
    """A digest of everything that decides how a page looks."""
    # Each stands for the file it is written in, wherever that lies.
    things = (mark, notebook_html, render, complaints, learner_html, outline, standing, Writer)
    digest = hashlib.blake2b((Path(__file__).parent / "templates" / "feedback.html.j2").read_bytes())
    for thing in things:
        digest.update(Path(str(inspect.getsourcefile(inspect.unwrap(thing)))).read_bytes())
    return digest.hexdigest()


def _replace(path: Path, text: str, mode: int) -> None:
    """Replace a file in one step: a reader sees the old page or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 (a descriptor)
            # A lone surrogate in a name or text must not cost the page.
            file.write(text.encode("utf-8", "replace").decode("utf-8"))
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _copy(old: Path, new: Path) -> None:
    """Copy a small file of nbgrader's, if there is one; what a submission made a link is not followed."""
    if old.is_file() and not old.is_symlink():
        if not (new.is_file() and new.read_bytes() == old.read_bytes()):
            shutil.copyfile(old, new)
