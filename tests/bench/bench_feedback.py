"""Feedback pages of a class: stock nbgrader's against ours, every submission by each in turn.

    python -m tests.bench.bench_feedback                  24 submissions of chapter 1, graded first
    python -m tests.bench.bench_feedback --course FOLDER  keep the graded class there, and use it again

Stock is ``GenerateFeedback`` as nbgrader ships it (its own exporter and steps, none of ours), timed for each
notebook without the program's start. Ours is timed from the graded file to the page on disk, by both doors.
Every module is loaded and compiled, and one submission done by each, before anything is timed.
"""

from __future__ import annotations

import argparse
import compileall
import copy
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nbformat
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log
from traitlets.config import Config

from autograder.authoring.chapter import Chapter, read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import Repository
from autograder.feedback.writer import FeedbackWriter
from autograder.grading.course import make_course, nbgrader_settings

REPO: Final = Repository(Path(__file__).resolve().parents[2])
WANTED: Final = 15.0  # times faster than stock


def hand_in(chapter: Chapter, folder: Path, number: int) -> None:
    """One student's notebook, no two alike: right, wrong and missing answers dealt by the number."""
    notebook = edition(chapter, "zh" if number % 2 else "en", release=True)
    cells = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
    for place, exercise in enumerate(chapter.exercises):
        cases = [exercise.solution.source, *(case.source for case in exercise.cases), ""]
        cells[exercise.key].source = cases[(number * (place + 1)) % len(cases)] or cells[exercise.key].source
    for memo in chapter.of_kind("memo"):
        if number % 5:
            cells[str(memo.grade_id)].source = f"## Memo {number}\n\nA **memo**, with\n\n- one\n- two"
    path = folder / "submitted" / f"student-{number:02}" / chapter.name / f"{chapter.name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


def graded_class(folder: Path, name: str, size: int) -> None:
    """Make the course and grade the class, unless it lies there already."""
    done = list(folder.glob(f"autograded/*/{name}/{name}.ipynb"))
    if len(done) >= size:
        return
    print(f"Grading {size} submissions of {name} first …", file=sys.stderr, flush=True)
    make_course(REPO, folder, "en", [name])
    chapter = read_chapter(REPO.source(name))
    for number in range(size):
        hand_in(chapter, folder, number)
    with nbgrader_settings(REPO, folder) as config:
        coursedir = CourseDirectory(config=config)
        coursedir.assignment_id = name
        log = capture_log(Autograde(coursedir=coursedir, config=config))
    if not log["success"]:
        raise SystemExit(log["log"] + log.get("error", ""))


# ------------------------------------------------------------------------------------------ the three


Make = Callable[[str], object]


def stock_config(folder: Path) -> Config:
    """nbgrader as it ships: nothing but where the course lies."""
    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.course_id = "userops"
    return config


@contextmanager
def converter(config: Config, name: str, out: str) -> Iterator[Make]:
    """nbgrader's converter, ready for one notebook after the other (``start`` would do all of them)."""
    from nbconvert.writers import FilesWriter

    config = copy.deepcopy(config)
    config.CourseDirectory.feedback_directory = out
    coursedir = CourseDirectory(config=config)
    coursedir.assignment_id = name
    made = GenerateFeedback(coursedir=coursedir, config=config)
    made.log.setLevel("ERROR")
    made.writer = FilesWriter(parent=made, config=made.config)
    made.exporter = made.exporter_class(parent=made, config=made.config)
    for step in made.preprocessors:
        made.exporter.register_preprocessor(step)
    before = Path.cwd()
    os.chdir(coursedir.root)
    try:
        yield lambda student: made.convert_single_notebook(
            str(Path(coursedir.format_path("autograded", student, name)) / f"{name}.ipynb")
        )
    finally:
        os.chdir(before)


def timed(make: Make, student: str) -> tuple[float, float]:
    """Wall and CPU seconds of one page."""
    gc.collect()
    start, cpu = time.perf_counter(), time.process_time()
    make(student)
    return time.perf_counter() - start, time.process_time() - cpu


def measure(folder: Path, name: str, students: list[str]) -> dict[str, list[tuple[float, float]]]:
    """Every submission by each system in turn; the first submission of each language is made once before."""
    with nbgrader_settings(REPO, folder) as ours:
        pass
    coursedir = CourseDirectory(config=ours)
    with (
        converter(stock_config(folder), name, "feedback-stock") as stock,
        converter(ours, name, "feedback-nbgrader") as door,
        FeedbackWriter(REPO, coursedir, name) as writer,
    ):
        systems: dict[str, Make] = {
            "stock": stock,
            "ours, userops grade": lambda student: writer.write(student, force=True),
            "ours, nbgrader generate_feedback": door,
            "ours, nothing changed": writer.write,
        }
        times: dict[str, list[tuple[float, float]]] = {system: [] for system in systems}
        for student in students[:2]:
            for make in systems.values():
                make(student)
        for student in students:
            for system, make in systems.items():
                times[system].append(timed(make, student))
    return times


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chapter", default="ch01_metrics")
    parser.add_argument(
        "--size", type=int, default=24, help="submissions (at least 20 for a median to report)"
    )
    parser.add_argument(
        "--course", type=Path, help="a folder for the graded class, used again if it is there"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    compileall.compile_dir(REPO.root / "autograder", quiet=2)
    with tempfile.TemporaryDirectory(prefix="bench-feedback-") as temporary:
        folder = (args.course or Path(temporary) / "course").resolve()
        graded_class(folder, args.chapter, args.size)
        students = sorted(path.name for path in (folder / "autograded").iterdir())[: args.size]
        times = measure(folder, args.chapter, students)
        sizes = {
            out: statistics.median(p.stat().st_size for p in folder.glob(f"{out}/*/{args.chapter}/*.html"))
            for out in ("feedback-stock", "feedback")
        }
    wall = {system: statistics.median(w for w, _ in got) for system, got in times.items()}
    cpu = {system: statistics.median(c for _, c in got) for system, got in times.items()}
    ratios = {
        system: statistics.median(s[0] / o[0] for s, o in zip(times["stock"], got, strict=True))
        for system, got in times.items()
    }
    found = {
        "chapter": args.chapter,
        "submissions": len(students),
        "wall_ms": {system: round(1000 * seconds, 1) for system, seconds in wall.items()},
        "cpu_ms": {system: round(1000 * seconds, 1) for system, seconds in cpu.items()},
        "times_faster": {system: round(ratio, 1) for system, ratio in ratios.items()},
        "page_kb": {out: round(size / 1000) for out, size in sizes.items()},
    }
    if args.json:
        print(json.dumps(found))
    else:
        print(f"Feedback pages of {len(students)} submissions of {args.chapter}, medians:")
        for system in times:
            print(
                f"  {system:34} {1000 * wall[system]:7.1f} ms   CPU {1000 * cpu[system]:7.1f} ms"
                f"   {ratios[system]:6.1f} times stock's speed"
            )
        print(
            f"  a page: {found['page_kb']['feedback-stock']} kB by stock, {found['page_kb']['feedback']} kB by ours"
        )
    return int(ratios["ours, userops grade"] < WANTED)


if __name__ == "__main__":
    sys.exit(main())
