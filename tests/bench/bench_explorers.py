"""Print how long each explorer takes to answer a change of its controls.

    python tests/bench/bench_explorers.py

Every module in ``userops/explorers`` with an ``explore`` is found. Its data: ``bench_data()`` of the module if
there is one (the arguments of ``explore``), else the tables named like the parameters of ``explore``; an explorer
without data stops the benchmark.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import statistics
import time
from typing import Any

import ipywidgets as widgets

from userops import explorers, load, style

LIMIT_MS = 200


def arguments(module: Any) -> tuple[Any, ...]:
    """Return the data for ``module.explore``."""
    if hasattr(module, "bench_data"):
        return tuple(module.bench_data())
    required = [p for p in inspect.signature(module.explore).parameters.values() if p.default is p.empty]
    return tuple(load(p.name) for p in required)


def moves(widget: Any) -> list[Any]:
    """Return up to eight values of one control, other than the one it stands at."""
    if isinstance(widget, widgets.Checkbox):
        return [not widget.value]
    if isinstance(widget, (widgets.Dropdown, widgets.SelectionSlider)):
        return [v for _, v in widget.options if v != widget.value][:8]
    steps = [widget.min + (widget.max - widget.min) * i / 8 for i in range(1, 8)]
    whole = isinstance(widget, (widgets.IntSlider, widgets.IntRangeSlider))
    values = [
        round(v) if whole else widget.min + round((v - widget.min) / widget.step) * widget.step for v in steps
    ]
    if isinstance(widget, (widgets.IntRangeSlider, widgets.FloatRangeSlider)):
        return [(widget.min, v) for v in values]
    return [v for v in dict.fromkeys(values) if v != widget.value]


def main() -> int:
    """Print one line an explorer; return 1 if any median is above the limit."""
    style.use()
    slow = 0
    for found in pkgutil.iter_modules(explorers.__path__):
        module = importlib.import_module(f"userops.explorers.{found.name}")
        if found.name.startswith("_") or not hasattr(module, "explore"):
            continue
        explorer = module.explore(*arguments(module))
        times, work = [], []
        for name, widget in explorer.controls.items():
            for value in moves(widget):
                start, cpu = time.perf_counter(), time.process_time()
                explorer.set(**{name: value})
                times.append(1000 * (time.perf_counter() - start))
                work.append(1000 * (time.process_time() - cpu))
        if not times:
            print(f"{found.name:28} no controls")
            continue
        median, worst = statistics.median(times), max(times)
        slow += median > LIMIT_MS
        print(
            f"{found.name:28} median {median:6.0f} ms   worst {worst:6.0f} ms   {len(times)} changes   ({statistics.median(work):.0f} ms of CPU)"
        )
    return int(slow > 0)


if __name__ == "__main__":
    raise SystemExit(main())
