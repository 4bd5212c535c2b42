"""Many submissions at once on this machine: one thread a lane, each of which waits for its two processes."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType

from autograder.engine.coordinator.forkservers import ForkServers
from autograder.engine.coordinator.learner_pass import Watch
from autograder.engine.coordinator.plan import ChapterPlan, Job, SubmissionResult
from autograder.engine.coordinator.submission_run import run_one
from autograder.engine.sandbox import Limits


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
        self._servers: ForkServers | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the fork servers."""
        if self._servers is not None:
            self._servers.close()
            self._servers = None

    def warm(self, plan: ChapterPlan) -> ForkServers:
        """Start the fork servers, unless they run."""
        if self._servers is None:
            self._servers = ForkServers(self.limits, confined=self.confined, samples=plan.samples)
        return self._servers

    def run(
        self, plan: ChapterPlan, jobs: Iterable[Job], *, watch: Watch | None = None
    ) -> Iterator[SubmissionResult]:
        """Run submissions; yields each when it is done, in any order. Takes jobs as it gets to them.

        Args:
            plan: the chapter.
            jobs: the submissions.
            watch: called with a submission's cells done and their total (for one submission at a time).
        """
        if self.scheduler is not None:
            from autograder.engine.coordinator.cluster import run_on_cluster

            yield from run_on_cluster(self.scheduler, plan, jobs, self.limits, self.confined)
            return
        servers = self.warm(plan)
        waiting: queue.Queue[Job | None] = queue.Queue(maxsize=self.workers)
        done: queue.Queue[SubmissionResult | BaseException] = queue.Queue()

        def lane() -> None:
            while (job := waiting.get()) is not None:
                try:
                    done.put(run_one(servers, plan, job, self.limits, watch))
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


def _taken(result: SubmissionResult | BaseException) -> SubmissionResult:
    if isinstance(result, BaseException):
        raise result
    return result


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
