"""Run ``userops grade`` again and again in a small checkout, and kill it each time: a program for one test.

    python killed_grading.py CHECKOUT SEED TIMES

Each run is a process of its own (forked, so that it need not import everything again) with the stand-in for
the engine. It is killed by SIGKILL: at each of the points between two steps of writing once, then at TIMES
random moments. At last it runs to its end; its exit status is this program's.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plain_executor

from autograder import cli
from autograder.grading import batch  # noqa: F401 (imported before the fork)
from autograder.grading.gradebook import ChapterGradebook
from autograder.grading.result_files import ResultFiles

POINTS: dict[str, tuple[Any, str]] = {
    "write": (ResultFiles, "write"),
    "rows": (ChapterGradebook, "_rows"),
    "commit": (ChapterGradebook, "_record"),
    "put": (ResultFiles, "put"),
    "rename": (Path, "rename"),
}


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """The function, which is the last thing the process does when it is called so often."""
    left = [calls]

    def called(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        left[0] -= 1
        if left[0] == 0:
            die()
        return result

    return called


def dying_at(point: str, calls: int) -> None:
    """Make this process die right after a step of writing."""
    owner, name = POINTS[point]
    setattr(owner, name, after(getattr(owner, name), calls))


def run(point: str | None = None, calls: int = 0) -> int:
    """Start the command; its process id."""
    child = os.fork()
    if child == 0:
        try:
            if point is not None:
                dying_at(point, calls)
            plain_executor.Engine.pause = 0.005
            status = cli.main(["grade", "ch01", "--json"])
        finally:
            sys.stdout.flush()
            os._exit(status if "status" in locals() else 70)
    return child


def main(checkout: str, seed: str, times: str) -> int:
    sys.modules["autograder.engine"] = plain_executor
    os.chdir(checkout)
    chance = random.Random(int(seed))
    killed = 0
    for point in POINTS:
        _, status = os.waitpid(run(point, chance.randint(1, 2)), 0)
        killed += os.WIFSIGNALED(status)
    for _ in range(int(times)):
        child = run()
        time.sleep(chance.uniform(0.0, 0.15))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
    print(f"killed {killed}", file=sys.stderr)
    return os.waitstatus_to_exitcode(os.waitpid(run(), 0)[1])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
