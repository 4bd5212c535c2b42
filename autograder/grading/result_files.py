"""``autograded/``: the files of graded submissions, each written whole or not at all.

A submission's files wait in a hidden folder beside their place until the database has what they say; a rename puts
them there. Killed between any two steps, ``sweep`` clears up before the next run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from autograder.grading.database_errors import GradingStoppedError, disk_errors
from autograder.notebooks.timestamps import TIMESTAMP


class ResultFiles:
    """One chapter's files in ``autograded/``.

    Args:
        root: the course's folder.
        autograded: its folder of results.
        chapter: the chapter's id.
        shared: whether a group of instructors shares the course (nbgrader's ``groupshared``).

    Every method that writes raises GradingStoppedError where the disk refuses.
    """

    def __init__(self, root: Path, autograded: Path, chapter: str, *, shared: bool = False) -> None:
        self.root, self.autograded, self.chapter, self.shared = root, autograded, chapter, shared

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the chapter's lock, which goes with the process, however it ends.

        Raises:
            GradingStoppedError: another process is grading the chapter, or the folder cannot be written.
        """
        import fcntl

        path = self.root / f".grading-{self.chapter}.lock"
        try:
            path.touch()
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise GradingStoppedError(
                f"{path.parent} cannot be written ({error.strerror}): check its permissions and free space, then run this again."
            ) from error
        try:
            try:
                # Of all locks the one that a forked process does not inherit.
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                raise GradingStoppedError(
                    f"{self.chapter} is being graded by another program already: let it finish, then run this again."
                ) from None
            yield
        finally:
            os.close(descriptor)

    # ------------------------------------------------------------------------------------------ what there is

    def is_graded(self, student: str, when: str, digest: str) -> bool:
        """Whether the files are what this very submission came to."""
        folder = self._place(student)
        try:
            same_time = (folder / TIMESTAMP).read_text(encoding="utf-8").strip() == when
            told = json.loads((folder / f"{self.chapter}.ipynb").read_bytes())["metadata"]["userops"]
            return bool(same_time and told.get("graded") == digest)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False

    def has_result(self, student: str) -> bool:
        """Whether anything stands there for a student."""
        return self._place(student).is_dir()

    # ------------------------------------------------------------------------------------------ writing

    def write(self, student: str, notebook: NotebookNode, when: str) -> None:
        """Write a submission's files into the hidden folder, where nobody looks for them yet."""
        new = self._hidden(student, "new")
        with disk_errors(self.root):
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            # On one line: nbformat's own writer takes twenty times as long. What a learner printed may hold half a
            # character, which UTF-8 cannot.
            text = json.dumps(notebook, ensure_ascii=False, sort_keys=True)
            for name, content in ((f"{self.chapter}.ipynb", text), (TIMESTAMP, when)):
                path = new / name
                path.write_bytes(f"{content}\n".encode(errors="replace"))
                path.chmod(
                    0o664 if self.shared else 0o444
                )  # as nbgrader leaves them: to be read, not changed
            if self.shared:
                for path in (new, new.parent):
                    with contextlib.suppress(PermissionError):
                        path.chmod((path.stat().st_mode | 0o2770) & 0o2777)

    def put(self, student: str) -> None:
        """Rename the hidden folder into its place; killed in between, ``sweep`` does the rest."""
        place, old = self._place(student), self._hidden(student, "old")
        with disk_errors(self.root):
            shutil.rmtree(old, ignore_errors=True)
            if place.exists():
                place.rename(old)
            self._hidden(student, "new").rename(place)
            shutil.rmtree(old, ignore_errors=True)

    def discard(self, student: str) -> None:
        """Remove what was written and not put into its place."""
        shutil.rmtree(self._hidden(student, "new"), ignore_errors=True)

    def sweep(self) -> None:
        """Clear up after a run that was killed while it wrote: nobody else writes now."""
        with disk_errors(self.root):
            for folder in self.autograded.iterdir() if self.autograded.is_dir() else ():
                new, old = self._hidden(folder.name, "new"), self._hidden(folder.name, "old")
                if old.exists() and new.exists() and not self.has_result(folder.name):
                    # The last step, which it was killed at: the database had it.
                    new.rename(folder / self.chapter)
                for path in (new, old):
                    if path.exists():
                        shutil.rmtree(path)

    def _place(self, student: str) -> Path:
        return self.autograded / student / self.chapter

    def _hidden(self, student: str, what: str) -> Path:
        """Where a result waits (``new``) or makes room (``old``), beside its place."""
        return self.autograded / student / f".{self.chapter}.{what}"
