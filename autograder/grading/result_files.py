"""``autograded/``: a submission's files, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from autograder.grading.database_errors import GradingStopped


@contextlib.contextmanager
def alone(path: Path, chapter: str) -> Iterator[None]:
    """Hold a lock that goes with the process, however it ends."""
    import fcntl

    try:
        path.touch()
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise GradingStopped(
            f"{path.parent} cannot be written ({error.strerror}): check its permissions and free space, then run this again."
        ) from error
    try:
        try:
            # Of all locks the one that a forked process does not inherit.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise GradingStopped(
                f"{chapter} is being graded by another program already: let it finish, then run this again."
            ) from None
        yield
    finally:
        os.close(descriptor)
