"""The way a submission is run: two processes, a narrow wire, walls, and a clock.

Four rooms, and no import between the first two:

``coordinator/``
    The trusted side: ``plan`` (what a chapter's grading needs), ``forkservers`` (starting them, asking for forks),
    ``submission_run`` (one submission: cells, questions, answers, the clock), ``pool`` (many at once, here),
    ``cluster`` (many at once, on a Dask cluster).
``worker/``
    What runs beside or behind the walls: ``forkserver`` (the warm parent), ``kernel`` (a notebook's Python without
    a kernel), ``student`` (the learner's process), ``examiner`` (the tests'), ``stand_ins`` (what stands there for
    a thing that stayed with the learner), ``redaction`` (what may be shown of its answers).
``serialization/``
    Values to bytes and back, without anything that could run.
this folder
    What both sides share: ``protocol``, ``sandbox``, ``seccomp``, ``outputs``.

``autograder/README.md`` says what is prevented, what is only noticed, and what it costs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.engine.coordinator.plan import Job, Plan, SubmissionResult, plan
    from autograder.engine.coordinator.pool import Engine
    from autograder.engine.sandbox import Limits

# Raised whenever a submission could get other points or outputs than before: then it is graded again.
VERSION = "1"

__all__ = ["VERSION", "Engine", "Job", "Limits", "Plan", "SubmissionResult", "plan"]

_HOMES = {
    "Engine": "coordinator.pool",
    "Limits": "sandbox",
    "Job": "coordinator.plan",
    "Plan": "coordinator.plan",
    "SubmissionResult": "coordinator.plan",
    "plan": "coordinator.plan",
}


def __getattr__(name: str) -> Any:
    # Late: a warm parent imports this package, too, and needs neither nbgrader nor what drives it.
    if name in _HOMES:
        return getattr(import_module(f"autograder.engine.{_HOMES[name]}"), name)
    raise AttributeError(name)
