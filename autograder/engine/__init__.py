"""The way a submission is run: two processes, a narrow wire, walls, and a clock.

One file an idea:

=============  ==========================================================================
``planning``   what a chapter's grading needs: cells, and the learner's names a test reads
``shell``      a notebook's Python without a kernel
``wire``       values to bytes and back (``wire_plain``, ``wire_pandas``)
``student``    the learner's process
``examiner``   the tests' process, and the stand-ins for what stays with the learner
``sandbox``    the walls
``zygote``     the warm parent that forks both
``parents``    starting the warm parents, asking for forks
``driver``     one submission: cells, questions, answers, the clock
``pool``       many submissions at once, here
``cluster``    many submissions at once, on a Dask cluster
=============  ==========================================================================

``autograder/README.md`` says what is prevented, what is only noticed, and what it costs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.engine.planning import Job, Plan, Ran, plan
    from autograder.engine.pool import Engine
    from autograder.engine.sandbox import Limits

# Raised whenever a submission could get other points or outputs than before: then it is graded again.
VERSION = "1"

__all__ = ["VERSION", "Engine", "Job", "Limits", "Plan", "Ran", "plan"]

_HOMES = {
    "Engine": "pool",
    "Limits": "sandbox",
    "Job": "planning",
    "Plan": "planning",
    "Ran": "planning",
    "plan": "planning",
}


def __getattr__(name: str) -> Any:
    # Late: a warm parent imports this package, too, and needs neither nbgrader nor what drives it.
    if name in _HOMES:
        return getattr(import_module(f"autograder.engine.{_HOMES[name]}"), name)
    raise AttributeError(name)
