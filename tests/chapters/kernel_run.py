"""One run of a chapter's notebook in a real kernel: what it shows, its memory, and what each test cell costs."""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

BUDGET: Final = 0.15  # seconds of CPU a test cell may cost with the reference answers
# Test cells that cost more than the budget by what is seen of them, with what they may cost in seconds.
DEARER: Final = {
    "category_test": (0.3, "its visible part alone puts three queries, each to a new DuckDB of 0.02 s"),
    "diagnosis_test": (
        0.25,
        "five columns of the shipped log are read, and nothing less can judge its answer",
    ),
    "stability_test": (
        0.45,
        "it asks for a number that takes two fits of k-means a round, and a round is no test",
    ),
}
QUIET: Final = 0.028  # seconds of CPU that the yardstick takes on the machine the budget was set on, idle

WARNINGS_ARE_ERRORS: Final = "import warnings\n\nwarnings.simplefilter('error')"
# The kernel's own high-water mark: getrusage() would count the memory of the process that started it.
PEAK_MEMORY: Final = """\
import re
from pathlib import Path

print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) * 1024)
"""
# Where a test cell has just run, everything it needs is warm. It runs once more on the clock, and only where that is
# near the budget twice more, each time beside the yardstick: neighbours on the machine make both slower.
STOPWATCH: Final = """\
def _stopwatch():
    import contextlib, gc, io, time
    import numpy as np
    import pandas as pd

    table = pd.DataFrame({"key": np.arange(3_000) * 7919 % 307, "value": np.arange(3_000.0)})

    def yardstick():
        # Many small steps through pandas and some Python: what test cells do.
        for _ in range(4):
            counts = table.assign(even=table["value"] % 2 == 0).groupby("key").agg(n=("value", "size"), even=("even", "mean"))
            counts.reset_index().merge(table.drop_duplicates("key"), on="key").sort_values(["n", "key"])
        return sum(number * number for number in range(20_000))

    def clock(work):
        gc.collect()
        gc.disable()
        started = time.process_time()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                work()
            return time.process_time() - started
        finally:
            gc.enable()

    def measure(source, near):
        cell, rows = compile(source, "<a test cell>", "exec"), []
        for _ in range(3):
            rows.append((clock(lambda: exec(cell, globals())), clock(yardstick)))
            if rows[-1][0] < near:
                break
        print(rows)

    yardstick()
    return measure


_measure = _stopwatch()
"""


@dataclass(frozen=True)
class Cost:
    """What a test cell costs in a warm kernel: CPU seconds of each run of it, and of the yardstick beside it."""

    grade_id: str
    seconds: tuple[float, ...]
    yardstick: tuple[float, ...]

    @property
    def cpu(self) -> float:
        """The median of its runs, in seconds of the machine that the budget was set on."""
        slowness = max(1.0, statistics.median(self.yardstick) / QUIET)
        return statistics.median(self.seconds) / slowness

    def __str__(self) -> str:
        runs, beside = (
            ", ".join(f"{one:.3f}" for one in values) for values in (self.seconds, self.yardstick)
        )
        return f"{self.grade_id}: {self.cpu:.3f} s (runs of {runs} s; the yardstick took {beside} s, quiet {QUIET} s)"


@dataclass(frozen=True)
class KernelRun:
    """An executed notebook, the kernel's peak of memory in bytes, and the cost of every test cell."""

    notebook: NotebookNode
    peak: int
    costs: tuple[Cost, ...]

    @property
    def noise(self) -> list[str]:
        """What it wrote to stderr, warnings too."""
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        outputs = [output for cell in code for output in cell.outputs if output.output_type == "stream"]
        return [output.text for output in outputs if output.name == "stderr"]

    @property
    def dear(self) -> list[Cost]:
        """The test cells that cost more than they may."""
        return [cost for cost in self.costs if cost.cpu > DEARER.get(cost.grade_id, (BUDGET,))[0]]


def run_in_kernel(notebook: NotebookNode, folder: Path) -> KernelRun:
    """Run a notebook with its answers top to bottom as a learner would, offline, stopping at the first error.

    Warnings are errors in it. Each test cell is timed after it has run (see ``STOPWATCH``).
    """
    timed: dict[str, NotebookNode] = {}
    cells = [nbformat.v4.new_code_cell(WARNINGS_ARE_ERRORS), nbformat.v4.new_code_cell(STOPWATCH)]
    for cell in notebook.cells:
        cells.append(cell)
        mine = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and mine.get("grade"):
            again = nbformat.v4.new_code_cell(f"_measure({cell.source!r}, {BUDGET / 2})")
            timed[mine["grade_id"]] = again
            cells.append(again)
    cells.append(nbformat.v4.new_code_cell(PEAK_MEMORY))
    notebook.cells = cells
    nowhere = "http://127.0.0.1:9"
    environment = {k: v for k, v in os.environ.items() if k not in ("USEROPS_DATA", "USEROPS_LANG")}
    environment |= {"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "ALL_PROXY": nowhere}
    # More threads would wait for each other, and waiting counts as CPU.
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    client = NotebookClient(
        notebook,
        timeout=120,  # seconds a cell, against one that never ends
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
        shutdown_kernel="immediate",
    )
    client.execute(env=environment)
    return KernelRun(
        notebook,
        int(notebook.cells[-1].outputs[0].text),
        tuple(_cost(grade_id, cell) for grade_id, cell in timed.items()),
    )


def _cost(grade_id: str, cell: NotebookNode) -> Cost:
    rows = json.loads(cell.outputs[0].text.replace("(", "[").replace(")", "]"))
    return Cost(grade_id, tuple(cpu for cpu, _ in rows), tuple(beside for _, beside in rows))
