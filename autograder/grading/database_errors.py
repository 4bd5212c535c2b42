"""What a database or a disk says when it refuses, in sentences: who is stopped, one submission or everybody."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from userops.errors import CourseError


class GradingStoppedError(CourseError):
    """What stops the grading of everybody: the disk, the database. What was graded before is kept."""


@contextlib.contextmanager
def disk_errors(root: Path) -> Iterator[None]:
    """Turn what a disk says within into a sentence.

    Args:
        root: the course's folder, named where the error names no file.

    Raises:
        GradingStoppedError: nothing can be written any more.
    """
    try:
        yield
    except OSError as error:
        raise GradingStoppedError(_of_disk(error, root)) from error


@contextlib.contextmanager
def database_errors(root: Path, wait: float) -> Iterator[None]:
    """Turn what a database says within into a sentence.

    Args:
        root: the course's folder, whose disk may be full.
        wait: seconds that were waited for another writer.

    Raises:
        CourseError: only the values of one submission were refused.
        GradingStoppedError: the database cannot be used.
    """
    try:
        yield
    except OSError as error:
        raise GradingStoppedError(_of_disk(error, root)) from error
    except (DataError, IntegrityError) as error:
        raise CourseError(f"the gradebook does not take it ({_first_line(error.orig)}).") from error
    except DBAPIError as error:
        raise GradingStoppedError(_of_database(error, root, wait)) from error
    except StatementError as error:
        raise CourseError(f"the gradebook does not take it ({_first_line(error.orig)}).") from error
    except SQLAlchemyError as error:
        raise GradingStoppedError(_of_database(error, root, wait)) from error


def _of_database(error: SQLAlchemyError, root: Path, wait: float) -> str:
    said = _first_line(getattr(error, "orig", None) or error)
    if "locked" in said:
        return (
            f"The gradebook is being written by another program, and was not free within {wait:g} seconds: "
            "let it finish, then run this again; what is graded so far is kept."
        )
    if "full" in said:
        return _of_disk(OSError(errno.ENOSPC, said), root)
    return (
        f"The gradebook cannot be used ({said}): see that its server runs and its file can be written, then run "
        "this again; what is graded so far is kept."
    )


def _of_disk(error: OSError, root: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk that holds {root} is full: free some space, then run this again; what is graded so "
            "far is kept."
        )
    return (
        f"{error.filename or root} cannot be written ({error.strerror}): check its permissions, then run this "
        "again; what is graded so far is kept."
    )


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
