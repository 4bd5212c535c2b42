"""Runs one submission: a student's process and an examiner's, and the clock between them.

The coordinator holds both lines. It hands the student one cell at a time (what is still to come cannot be read),
passes the examiner's questions on and the answers back without looking into them, and keeps time: a cell that takes
too long is interrupted, and ended if that does not help. A student's process that dies is replaced by a new one that
runs the cells before the fatal one again, so a death costs its own cell only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from autograder.engine.coordinator.forkservers import ForkServers
from autograder.engine.coordinator.learner_pass import LearnerPass, Watch
from autograder.engine.coordinator.plan import ChapterPlan, Job, Step, SubmissionResult, executed, steps
from autograder.engine.coordinator.processes import Processes
from autograder.engine.coordinator.record import RunRecord
from autograder.engine.coordinator.tests_pass import TestsPass
from autograder.engine.sandbox import Limits
from userops.errors import CourseError


def run_one(
    servers: ForkServers, plan: ChapterPlan, job: Job, limits: Limits, watch: Watch | None = None
) -> SubmissionResult:
    """Run one submission; what goes wrong with it alone comes back as its trouble.

    Args:
        watch: called with the cells done and their total.

    Raises:
        CourseError: nothing can be run any more.
    """
    try:
        record = _run(servers, steps(job.notebook, plan), job.lang, limits, watch)
    except CourseError:
        raise
    except Exception as error:
        return SubmissionResult(
            job.key, job.notebook, trouble=f"It could not be run ({type(error).__name__}: {error})."
        )
    return SubmissionResult(
        job.key,
        executed(job, plan, record.outputs),
        {name: tuple(keys) for name, keys in record.misconceptions_met.items()},
        None,
        record.cpu,
        record.wall,
        tuple(record.notes),
        record.parts,
    )


def _run(
    servers: ForkServers, steps: Sequence[Step], lang: str, limits: Limits, watch: Watch | None
) -> RunRecord:
    started = time.monotonic()
    record = RunRecord()
    processes = Processes(servers, lang, limits, record)
    learner = LearnerPass(processes, steps, watch)
    try:
        learner.run()
        TestsPass(processes, learner, steps, watch).run()
    finally:
        with record.clock("ending both processes"):
            processes.end_student()
    record.wall = time.monotonic() - started
    return record
