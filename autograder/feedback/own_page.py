"""A self-learner's feedback page on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

from autograder.feedback.page import Page, render
from userops.errors import CourseError


def require_writable(path: Path) -> None:
    """Refuse a place where no page can be written, before anybody waits for one.

    Raises:
        CourseError: what is wrong with it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise CourseError(
            f"The feedback cannot be written to {path.parent} ({error.strerror}): name another file with --output."
        ) from error


def write_page(path: Path, page: Page) -> None:
    """Write the page.

    Raises:
        CourseError: it cannot be written.
    """
    try:
        path.write_text(render(page), encoding="utf-8")
    except OSError as error:
        raise CourseError(
            f"The feedback cannot be written to {path} ({error.strerror}): name another file with --output."
        ) from error
