"""The way a submission is run: two processes, a narrow wire, walls, and a clock.

Four rooms, and no import between the first two:

``coordinator/``
    The trusted side: ``plan`` (what a chapter's grading needs), ``forkservers`` (starting them, asking for forks),
    ``submission_run`` (one submission, by ``processes``: its two processes and the clock, ``learner_pass``,
    ``tests_pass`` and ``record``: what comes of it), ``pool`` (many at once, here), ``cluster`` (many at once, on a
    Dask cluster).
``worker/``
    What runs beside or behind the walls: ``forkserver`` (everything imported once, one fork a submission), ``kernel``
    (a notebook's Python without a kernel), ``snapshot`` (names as they are at one moment), ``student`` (the learner's process), ``examiner`` (the tests'), ``stand_ins`` (what stands there for
    a thing that stayed with the learner), ``redaction`` (what may be shown of its answers).
``serialization/``
    Values to bytes and back, without anything that could run.
this folder
    What both sides share: ``protocol`` (what they say to each other), ``sandbox`` and ``seccomp`` (the walls),
    ``outputs`` (what of a learner's outputs may be shown).

``autograder/README.md`` says what is prevented, what is only noticed, and what it costs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.engine.coordinator.plan import ChapterPlan, Job, SubmissionResult, chapter_plan
    from autograder.engine.coordinator.pool import Engine
    from autograder.engine.sandbox import Limits

# Raised whenever a submission could get other points or outputs than before: then it is graded again.
VERSION = "1"

__all__ = ["VERSION", "ChapterPlan", "Engine", "Job", "Limits", "SubmissionResult", "chapter_plan"]

_HOMES = {
    "Engine": "coordinator.pool",
    "Limits": "sandbox",
    "Job": "coordinator.plan",
    "ChapterPlan": "coordinator.plan",
    "SubmissionResult": "coordinator.plan",
    "chapter_plan": "coordinator.plan",
}


def __getattr__(name: str) -> Any:
    # Late: a fork server imports this package, too, and needs neither nbgrader nor what drives it.
    if name in _HOMES:
        return getattr(import_module(f"autograder.engine.{_HOMES[name]}"), name)
    raise AttributeError(name)
