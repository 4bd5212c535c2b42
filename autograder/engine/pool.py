"""Many submissions at once on this machine: one thread a lane, each of which waits for its two processes."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType

import nbformat

from autograder.engine import driver
from autograder.engine.parents import Parents
from autograder.engine.planning import Job, Plan, Ran, executed, steps
from autograder.engine.sandbox import Limits
from userops.errors import CourseError


class Engine:
    """Runs submissions; a context.

    Args:
        workers: submissions at once; default: the processors there are.
        confined: behind walls (see ``autograder.engine.sandbox``).
        limits: what a submission may use.
        scheduler: address of a Dask scheduler, to run on its workers instead of here.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        confined: bool = True,
        limits: Limits | None = None,
        scheduler: str | None = None,
    ) -> None:
        self.workers = workers or cores()
        self.confined, self.limits, self.scheduler = confined, limits or Limits(), scheduler
        self._parents: Parents | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the warm parents."""
        if self._parents is not None:
            self._parents.close()
            self._parents = None

    def warm(self, plan: Plan) -> Parents:
        """Start the warm parents, unless they run."""
        if self._parents is None:
            self._parents = Parents(self.limits, confined=self.confined, companies=plan.companies)
        return self._parents

    def run(self, plan: Plan, jobs: Iterable[Job], *, watch: driver.Watch | None = None) -> Iterator[Ran]:
        """Run submissions; yields each when it is done, in any order. Takes jobs as it gets to them.

        Args:
            plan: the chapter.
            jobs: the submissions.
            watch: called with a submission's cells done and their total (for one submission at a time).
        """
        if self.scheduler is not None:
            from autograder.engine.cluster import run_on_cluster

            yield from run_on_cluster(self.scheduler, plan, jobs, self.limits, self.confined)
            return
        parents = self.warm(plan)
        waiting: queue.Queue[Job | None] = queue.Queue(maxsize=self.workers)
        done: queue.Queue[Ran | BaseException] = queue.Queue()

        def lane() -> None:
            while (job := waiting.get()) is not None:
                try:
                    done.put(run_one(parents, plan, job, self.limits, watch))
                except BaseException as error:
                    done.put(error)

        lanes = [threading.Thread(target=lane, daemon=True) for _ in range(self.workers)]
        for thread in lanes:
            thread.start()
        under_way = 0
        try:
            for job in jobs:
                # One job stands ready for each lane; more would only fill memory.
                while under_way >= 2 * self.workers:
                    yield _taken(done.get())
                    under_way -= 1
                waiting.put(job)
                under_way += 1
                while not done.empty():
                    yield _taken(done.get())
                    under_way -= 1
            while under_way:
                yield _taken(done.get())
                under_way -= 1
        finally:
            while True:  # what nobody will wait for any more
                try:
                    waiting.get_nowait()
                except queue.Empty:
                    break
            for _ in lanes:
                waiting.put(None)


def _taken(result: Ran | BaseException) -> Ran:
    if isinstance(result, BaseException):
        raise result
    return result


def run_one(parents: Parents, plan: Plan, job: Job, limits: Limits, watch: driver.Watch | None = None) -> Ran:
    """Run one submission; what goes wrong with it alone comes back as its trouble."""
    try:
        run = driver.run(parents, steps(job.notebook, plan), job.lang, limits, watch)
    except CourseError:
        raise
    except Exception as error:
        return Ran(job.key, job.notebook, trouble=f"It could not be run ({type(error).__name__}: {error}).")
    outputs = {index: [nbformat.from_dict(item) for item in items] for index, items in run.outputs.items()}
    return Ran(
        job.key,
        executed(job, plan, outputs),
        {name: tuple(keys) for name, keys in run.met.items()},
        None,
        run.cpu,
        run.wall,
        tuple(run.notes),
        run.parts,
    )


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
