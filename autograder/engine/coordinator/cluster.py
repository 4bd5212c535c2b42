"""The same work on a Dask cluster: each worker keeps fork servers of its own beside it and forks from those.

A Dask worker has threads and must never be forked itself; its fork servers are programs of their own. Tasks are
single submissions: the scheduler's few milliseconds a task are small against a submission's half second, and a
worker that dies takes nothing along but the submissions it was at, which go to another one.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final

from autograder.engine.coordinator.forkservers import ForkServers
from autograder.engine.coordinator.plan import ChapterPlan, Job, SubmissionResult
from autograder.engine.coordinator.submission_run import run_one
from autograder.engine.sandbox import Limits
from userops.errors import CourseError

PATIENCE: Final = 20  # seconds to wait for the scheduler, and for its first worker

_warm: dict[tuple[Any, ...], ForkServers] = {}
_lock = threading.Lock()


def run_on_cluster(
    address: str, plan: ChapterPlan, jobs: Iterable[Job], limits: Limits, confined: bool
) -> Iterator[SubmissionResult]:
    """Run submissions on the workers of a scheduler; yields each when it is done, in any order.

    Args:
        address: such as ``tcp://10.0.0.5:8786``; the workers have this package and the course's data.
        plan, jobs, limits, confined: as for ``Engine.run``.

    Raises:
        CourseError: no scheduler there, no worker, or a worker that cannot grade.
    """
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise CourseError(
            f"No Dask scheduler answers at {address} ({type(error).__name__}): start one with `dask scheduler`, and "
            f"workers with `dask worker {address}`."
        ) from error
    with client:
        threads = _threads(client, address)
        shared = client.scatter((plan, limits, confined), broadcast=True, hash=False)
        at_work = as_completed(loop=client.loop)
        keys: dict[Any, str] = {}  # a task's -> its submission's
        for job in jobs:
            future = client.submit(_task, shared, job, pure=False, retries=2)
            keys[future.key] = job.key
            at_work.add(future)
            # Enough to keep every worker busy while results travel, and no more.
            while at_work.count() >= 2 * threads + 2:
                yield _result(next(at_work), keys)
        while at_work.count():
            yield _result(next(at_work), keys)


def _threads(client: Any, address: str) -> int:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise CourseError(
            f"The scheduler at {address} has no workers: start some with `dask worker {address}`."
        ) from None
    threads: int = sum(client.nthreads().values())
    return max(threads, 1)


def _result(future: Any, keys: dict[Any, str]) -> SubmissionResult:
    key = keys.pop(future.key)
    try:
        result: SubmissionResult = future.result()
        return result
    except CourseError:
        raise
    except Exception as error:
        # The workers died under it again and again: that is this submission's trouble alone.
        from nbformat.v4 import new_notebook

        return SubmissionResult(
            key, new_notebook(), trouble=f"Its workers could not finish it ({type(error).__name__})."
        )
    finally:
        future.release()


def _task(shared: tuple[ChapterPlan, Limits, bool], job: Job) -> SubmissionResult:
    plan, limits, confined = shared
    return run_one(_servers(plan, limits, confined), plan, job, limits)


def _servers(plan: ChapterPlan, limits: Limits, confined: bool) -> ForkServers:
    """This worker's fork servers: made for its first submission, kept for the rest."""
    wanted = (limits, confined, plan.samples)
    with _lock:
        if wanted not in _warm:
            for old in _warm.values():
                old.close()
            _warm.clear()
            _warm[wanted] = ForkServers(limits, confined=confined, samples=plan.samples)
        return _warm[wanted]


@atexit.register
def _end() -> None:
    for servers in _warm.values():
        servers.close()
    _warm.clear()
