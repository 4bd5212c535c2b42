"""Every case of every chapter in both languages, the blank notebooks and a run in a real kernel in both.

    python -m tests.bench.bench_cases                  all chapters (about a minute each)
    python -m tests.bench.bench_cases --chapter ch00

``make test`` runs a chapter's cases in one language and its kernel in the other; here nothing is left out. Exits
with 1 if a case misbehaves, a blank notebook earns points, or a notebook fails, warns or has a test cell over budget.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "chapters")]
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("USEROPS_DATA", str(ROOT / "datasets"))

from kernel_run import run_in_kernel  # noqa: E402
from nbclient.exceptions import CellExecutionError  # noqa: E402

from autograder.authoring.case_table import table  # noqa: E402
from autograder.authoring.cases import run_chapter, run_untouched  # noqa: E402
from autograder.authoring.chapter import Chapter, read_chapter  # noqa: E402
from autograder.authoring.edition import edition  # noqa: E402
from autograder.authoring.repository import Repository  # noqa: E402

REPO: Final = Repository(ROOT)


def main() -> int:
    """Run; 1 if anything misbehaves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chapter", action="append", help="only this one (repeatable)")
    args = parser.parse_args()
    chapters = [REPO.chapter(name) for name in args.chapter or REPO.chapters()]
    faults = 0
    for name in chapters:
        chapter = read_chapter(REPO.source(name))
        for lang in ("en", "zh"):
            started = time.perf_counter()
            answers, found = everything(chapter, lang)
            faults += len(found)
            print(
                f"{chapter.name} {lang}: {answers} answers, {time.perf_counter() - started:.0f} s", flush=True
            )
            for fault in found:
                print(f"    {fault}", flush=True)
    print(f"{faults} misbehave." if faults else "All behave.")
    return 1 if faults else 0


def everything(chapter: Chapter, lang: str) -> tuple[int, list[str]]:
    """Run all of a chapter in one language; returns the number of answers, and a line for each fault."""
    results = run_chapter(chapter, lang)
    found = [table([result]) for result in results if not result.ok]
    found += [
        f"{graded.grade_id}: the untouched notebook earns {graded.points:g}"
        for graded in run_untouched(chapter, lang)
        if graded.points
    ]
    try:
        run = run_in_kernel(edition(chapter, lang, release=False), REPO.notebook(chapter.name, lang).parent)
    except CellExecutionError as error:
        return len(results), [*found, f"the notebook fails in a kernel: {error}"]
    found += [f"the notebook writes to stderr: {text}" for text in run.noise]
    found += [f"a test cell over its budget: {cost}" for cost in run.dear]
    return len(results), found


if __name__ == "__main__":
    sys.exit(main())
