"""A company's tables in a folder of their own, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from userops.errors import CourseError
from userops.simulate.dataset import simulate


def simulate_into(
    out: Path, users: int, seed: int, *, workers: int = 1, progress: Callable[[int], object] | None = None
) -> int:
    """Write a company's tables to the new or empty folder ``out``; return the number of events.

    Made beside its place and moved there when complete: an interrupted run leaves nothing half-made.
    The arguments are those of ``userops.simulate.simulate``.

    Raises:
        CourseError: the folder holds something, cannot be written, or the arguments are out of range.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CourseError(f"{out} is not empty; name a new folder, so that no data are lost.")
    if seed < 0:
        raise CourseError("The seed must be 0 or more.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise CourseError(
            f"Cannot write to {out.parent} ({error.strerror}); choose another --out."
        ) from error
    try:
        work.chmod(0o755)
        events = simulate(work, users, seed, workers=workers, progress=progress)
        if out.exists():
            out.rmdir()
        work.rename(out)
    except OSError as error:
        raise CourseError(f"Writing {out} failed ({error.strerror}); is the disk full?") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return events
