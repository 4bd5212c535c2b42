"""The same work on a real Dask cluster: a scheduler, two workers, and one of them killed while it works."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from distributed import Client
from nbformat.v4 import new_notebook

from autograder.engine import Engine, Job, Limits, chapter_plan
from autograder.notebooks.restore import MasterCell
from userops.errors import CourseError

TRUTH = [
    MasterCell("setup", "code", "from userops import check", locked=True),
    MasterCell("double", "code", "raise NotImplementedError()", solution=True),
    MasterCell("double_test", "code", "check.number(double(4), 8)", grade=True, locked=True, points=1.0),
]


def job(number: int) -> Job:
    """Every third answer is wrong."""
    cells = [cell.cell() for cell in TRUTH]
    cells[
        1
    ].source = f"import time\ntime.sleep(0.3)\ndef double(x):\n    return {3 if number % 3 == 0 else 2} * x"
    return Job(f"student-{number}", new_notebook(cells=cells), "en")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    folder = tmp_path_factory.mktemp("cluster")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    quiet = {**os.environ, "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"}

    def start(stack: ExitStack, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=folder, env=quiet, stdout=log, stderr=log
            )
        stack.callback(process.wait)
        stack.callback(process.kill)
        return process

    with ExitStack() as stack:
        port = address.rsplit(":", 1)[1]
        start(
            stack,
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--no-dashboard",
            "--no-show",
        )
        workers = [
            start(
                stack, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--local-directory", str(folder),
            )
            for _ in range(2)
        ]  # fmt: skip
        with Client(_patient(address, folder), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=90)
        yield address, workers


def _patient(address: str, folder: Path) -> str:
    host, port = address.removeprefix("tcp://").split(":")
    for _ in range(300):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return address
        except OSError:
            time.sleep(0.2)
    pytest.fail((folder / "log").read_text(encoding="utf-8"))


def test_a_killed_worker_loses_nothing_and_nothing_counts_twice(
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
) -> None:
    address, workers = cluster
    ready = chapter_plan("ch01_small", TRUTH)
    earned: dict[str, int] = {}
    with Engine(scheduler=address, limits=Limits(cell_seconds=20)) as engine:
        for number, ran in enumerate(engine.run(ready, (job(n) for n in range(24)))):
            assert ran.trouble is None
            assert ran.key not in earned
            earned[ran.key] = sum(o.output_type == "error" for o in ran.notebook.cells[2].outputs)
            if number == 2:
                workers[0].send_signal(signal.SIGKILL)
    assert earned == {f"student-{n}": int(n % 3 == 0) for n in range(24)}


def test_no_scheduler_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.engine.coordinator.cluster.PATIENCE", 1)
    with (
        Engine(scheduler="tcp://127.0.0.1:9") as engine,
        pytest.raises(CourseError, match="No Dask scheduler answers"),
    ):
        list(engine.run(chapter_plan("ch01_small", TRUTH), [job(1)]))
