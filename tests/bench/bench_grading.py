"""Grading a class: stock nbgrader's autograde, ours, and what is physically needed, every submission in turn.

    python -m tests.bench.bench_grading                        30 submissions of chapter 2
    python -m tests.bench.bench_grading --chapter ch05 --size 12
    python -m tests.bench.bench_grading --quick                6 submissions, no whole commands

Four systems grade the same submissions, made from the chapter's cases, one after the other in one run, after all
byte-code has been compiled:

``stock``   nbgrader's converter with nbgrader's own steps and settings, in a program that is already running
``capped``  the same with one thread each for OpenMP and OpenBLAS
``ours``    sanitising, both processes behind their walls, the gradebook: what ``userops grade`` does a submission
``limit``   the same cells, tests included, by ``exec`` in a plain fork of a process with everything imported;
            figures drawn, tables rendered

CPU counts every process: the program, its children and, for ours, the fork servers. Then the class as a whole is
timed: one worker, two workers, and both programs from the command line, start included.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

STOCK_CONFIG: Final = """\
c = get_config()
c.CourseDirectory.root = {folder!r}
c.CourseDirectory.course_id = "userops"
c.ClearSolutions.code_stub = {{"python": {code_stub!r}}}
c.ClearSolutions.text_stub = {text_stub!r}
c.ExecutePreprocessor.timeout = 120
"""

WANTED: Final = {
    "CPU, stock ÷ ours": (">=", 5.0),
    "CPU, capped ÷ ours": (">=", 4.5),
    "CPU, ours ÷ limit": ("<=", 1.3),
    "throughput on two cores, ours ÷ stock": (">=", 8.0),
    "throughput, two workers ÷ one": (">=", 1.8),
    "whole command, stock ÷ ours": (">=", 5.0),
}


def main() -> int:
    """Run the benchmark; 1 if a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chapter", default="ch02", help="whose cases (default: ch02)")
    parser.add_argument("--size", type=int, default=30, help="submissions (default: 30)")
    parser.add_argument("--quick", action="store_true", help="6 submissions, no whole commands")
    parser.add_argument("--serve", choices=("stock", "limit"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve == "stock":
        return serve_stock(args.folder, args.chapter)
    if args.serve == "limit":
        return serve_limit(args.folder)
    size = 6 if args.quick else args.size
    with tempfile.TemporaryDirectory(prefix="userops-bench-") as temporary:
        return bench(Path(temporary), args.chapter, size, whole=not args.quick)


def bench(folder: Path, name: str, size: int, *, whole: bool) -> int:
    """Measure and print."""
    from autograder.authoring.repository import Repository

    chapter = Repository(ROOT).chapter(name)
    say(f"Compiling byte-code, making {size} submissions of {chapter} …")
    compileall.compile_dir(sys.prefix, quiet=2, workers=2)
    compileall.compile_dir(ROOT / "autograder", quiet=2)
    compileall.compile_dir(ROOT / "userops", quiet=2)
    names = make_class(folder, chapter, size)
    rows: dict[str, list[tuple[float, float]]] = {}
    with contextlib.ExitStack() as stack:
        stock = stack.enter_context(Served("stock", folder / "stock", chapter, threads=None))
        capped = stack.enter_context(Served("stock", folder / "capped", chapter, threads=1))
        limit = stack.enter_context(Served("limit", folder / "limit", chapter, threads=1))
        ours = stack.enter_context(Ours(folder / "ours", chapter))
        systems: dict[str, Any] = {"stock": stock, "capped": capped, "ours": ours, "limit": limit}
        for system in systems.values():
            system(names[0])  # the first of each pays for what the others find done
        for number, student in enumerate(names):
            for key, system in systems.items():
                rows.setdefault(key, []).append(system(student))
            say(f"  {number + 1}/{size}  " + "  ".join(f"{k} {v[-1][0]:.2f} s" for k, v in rows.items()))
        parts = {key: statistics.median(p[key] for p in ours.parts) for key in ours.parts[0]}
        empty = ours.empty_task()
        one, _ = ours.whole_class(names, 1)
        two, memory = ours.whole_class(names, 2)
        second = stack.enter_context(Served("limit", folder / "limit", chapter, threads=1))
        machine = scaling(limit, second, names)
    cpu = {key: statistics.median(c for c, _ in value) for key, value in rows.items()}
    wall = {key: statistics.median(w for _, w in value) for key, value in rows.items()}
    found = {
        "CPU, stock ÷ ours": cpu["stock"] / cpu["ours"],
        "CPU, capped ÷ ours": cpu["capped"] / cpu["ours"],
        "CPU, ours ÷ limit": cpu["ours"] / cpu["limit"],
        "throughput on two cores, ours ÷ stock": wall["stock"] * size / two,
        "throughput, two workers ÷ one": one / two,
    }
    if whole:
        theirs, mine = commands(folder, chapter)
        found["whole command, stock ÷ ours"] = theirs / mine
    print(
        f"\n{chapter}, {size} submissions, medians a submission, {len(os.sched_getaffinity(0))} processors\n"
    )
    print(f"{'system':>8}  {'CPU s':>7}  {'wall s':>7}  {'CPU ÷ limit':>11}")
    for key in systems:
        print(f"{key:>8}  {cpu[key]:7.3f}  {wall[key]:7.3f}  {cpu[key] / cpu['limit']:11.2f}")
    print(f"\nWhere ours goes (median wall ms a submission; of {1000 * wall['ours']:.0f}):")
    for key, value in parts.items():
        print(f"{1000 * value:9.1f}  {key}")
    print(f"\nan empty notebook: {1000 * empty[1]:.0f} ms wall, {1000 * empty[0]:.0f} ms CPU")
    print(
        f"memory of the whole program at its peak, two workers: {memory / 1e6:.0f} MB (proportional set size)"
    )
    print(f"two plain forks at a time do {machine:.2f} times the work of one: what these processors allow")
    if whole:
        print(f"whole command for {size}: stock {theirs:.0f} s, ours {mine:.1f} s")
    print()
    missed = 0
    for key, value in found.items():
        sign, target = WANTED[key]
        good = value >= target if sign == ">=" else value <= target
        missed += not good
        print(f"{'✓' if good else '✗'} {key}: {value:.2f} (wanted {sign} {target:g})")
    return 1 if missed else 0


# ------------------------------------------------------------------------------------------ the class


def make_class(folder: Path, name: str, size: int) -> list[str]:
    """Make one course a system, with the same submissions; returns the students."""
    import nbformat
    from class_of_cases import students

    from autograder.authoring.chapter import CODE_STUB, TEXT_STUB, read_chapter
    from autograder.authoring.repository import Repository
    from autograder.grading.course import make_course

    repo = Repository(ROOT)
    first = folder / "ours"
    make_course(repo, first, "en", [name])
    handed_in = students(read_chapter(repo.source(name)), size)
    for student in handed_in:
        path = first / "submitted" / student.name / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(nbformat.writes(student.notebook), encoding="utf-8")
        (path.parent / "timestamp.txt").write_text("2025-03-01 10:00:00 UTC\n", encoding="utf-8")
    for other in ("stock", "capped", "stock-command", "ours-command"):
        shutil.copytree(first, folder / other)
        text = STOCK_CONFIG.format(folder=str(folder / other), code_stub=CODE_STUB, text_stub=TEXT_STUB)
        (folder / other / "nbgrader_config.py").write_text(text, encoding="utf-8")
    prepare_limit(first, folder / "limit", name)
    return [student.name for student in handed_in]


def prepare_limit(course: Path, folder: Path, name: str) -> None:
    """Write each submission's code cells, restored, tests included, for the plain fork."""
    import nbformat

    from autograder.grading.master import from_edition
    from autograder.notebooks.restore import restore

    master_cells = from_edition(nbformat.read(course / "source" / name / f"{name}.ipynb", as_version=4))
    folder.mkdir()
    for path in sorted(course.glob(f"submitted/*/{name}/{name}.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        restore(notebook, master_cells)
        cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        (folder / f"{path.parts[-3]}.json").write_text(json.dumps(cells), encoding="utf-8")


# ------------------------------------------------------------------------------------------ the others


class Served:
    """Another system, in a program of its own that grades when told to."""

    def __init__(self, kind: str, folder: Path, chapter: str, *, threads: int | None) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        environment["USEROPS_DATA"] = str(ROOT / "datasets")
        if threads:
            environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        line = [sys.executable, __file__, "--serve", kind, "--folder", str(folder), "--chapter", chapter]
        self.process = subprocess.Popen(
            line,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self, student: str) -> tuple[float, float]:
        assert self.process.stdin is not None and self.process.stdout is not None
        print(student, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The other system ended at {student}: run it by hand to see why.")
        cpu, wall = json.loads(line)
        return cpu, wall

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def scaling(one: Served, other: Served, names: list[str]) -> float:
    """How many times the work of one fork at a time two at a time do, on these processors."""
    other(names[0])
    started = time.perf_counter()
    for student in names:
        one(student)
    alone = time.perf_counter() - started
    started = time.perf_counter()
    both = [
        threading.Thread(target=lambda served=served, half=half: [served(student) for student in half])
        for served, half in ((one, names[::2]), (other, names[1::2]))
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    return alone / (time.perf_counter() - started)


def serve_stock(folder: Path, chapter: str) -> int:
    """Grade with nbgrader's own converter, one student a line of input."""
    from nbgrader.apps import NbGrader
    from nbgrader.converters import Autograde
    from nbgrader.coursedir import CourseDirectory

    os.chdir(folder)
    program = NbGrader()
    program.load_config_file()
    config = program.config
    real = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin:
        coursedir = CourseDirectory(config=config)
        coursedir.assignment_id, coursedir.student_id = chapter, line.strip()
        converter = Autograde(coursedir=coursedir, config=config)
        converter.force = True
        before, started = _cpu(), time.perf_counter()
        with contextlib.suppress(SystemExit):
            converter.start()
        took = [_cpu() - before, time.perf_counter() - started]
        os.write(real, (json.dumps(took) + "\n").encode())
    return 0


def serve_limit(folder: Path) -> int:
    """Run the cells by ``exec`` in a fork, one student a line of input."""
    import builtins
    import importlib

    import matplotlib

    from autograder.engine.worker.forkserver import LIBRARIES

    matplotlib.use("Agg")
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    builtins.display = lambda *values: [render(value) for value in values]  # type: ignore[attr-defined]
    real = os.dup(1)
    for line in sys.stdin:
        cells = json.loads((folder / f"{line.strip()}.json").read_text(encoding="utf-8"))
        started = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            plainly(cells)
            os._exit(0)
        _, _, used = os.wait4(pid, 0)
        took = [used.ru_utime + used.ru_stime, time.perf_counter() - started]
        os.write(real, (json.dumps(took) + "\n").encode())
    return 0


def plainly(cells: list[str]) -> None:
    """Run cells; draw their figures, render their last values."""
    import ast
    import io

    import matplotlib.pyplot as plt

    names: dict[str, Any] = {"__name__": "__main__"}
    for source in cells:
        try:
            tree = ast.parse(source)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "<cell>", "exec"), names)
            if last is not None:
                render(eval(compile(ast.Expression(last.value), "<cell>", "eval"), names))
        except Exception:  # a wrong answer's error is part of the work
            pass
        for number in plt.get_fignums():
            plt.figure(number).savefig(io.BytesIO(), format="png", bbox_inches="tight")
        plt.close("all")


def render(value: Any) -> None:
    """What a notebook would show of a value."""
    if value is not None:
        repr(value)
        if hasattr(value, "_repr_html_"):
            value._repr_html_()


# ------------------------------------------------------------------------------------------ ours


class Ours:
    """What ``userops grade`` does, one submission at a time, with everything warm."""

    def __init__(self, folder: Path, chapter: str) -> None:
        self.folder, self.chapter = folder, chapter
        self.parts: list[dict[str, float]] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Ours:
        from nbgrader.coursedir import CourseDirectory

        from autograder import engine
        from autograder.authoring.repository import Repository
        from autograder.grading.course import nbgrader_settings
        from autograder.grading.gradebook import ChapterGradebook
        from autograder.notebooks.outline import outline

        self.repo = Repository(ROOT)
        config = self._stack.enter_context(nbgrader_settings(self.repo, self.folder))
        self.coursedir = CourseDirectory(config=config)
        self.book = self._stack.enter_context(ChapterGradebook(self.coursedir, config, self.chapter))
        self.exercises = outline(self.book.master).exercises  # read once a class
        self.plan = engine.chapter_plan(self.chapter, self.book.master_cells)
        self.engine = self._stack.enter_context(engine.Engine(workers=1))
        self.engine.warm(self.plan)
        self.ran: list[Any] = []

        class Kept:
            """The one engine, whoever asks for one; remembers what it ran."""

            def __init__(kept, **_: Any) -> None: ...
            def __enter__(kept) -> Kept:
                return kept

            def __exit__(kept, *_: object) -> None: ...
            def run(kept, plan: Any, jobs: Any) -> Iterator[Any]:
                for ran in self.engine.run(plan, jobs):
                    self.ran.append(ran)
                    yield ran

        self.executor = SimpleNamespace(
            Engine=Kept, Job=engine.Job, chapter_plan=lambda *_: self.plan, VERSION="bench"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _grade(self, names: list[str]) -> None:
        from autograder.grading.batch import ClassRun, HandIns, Recorder
        from autograder.progress import no_progress

        hand_ins = HandIns(self.book, self.folder / "submitted", self.executor, force=True)
        recorder = Recorder(self.book, self.exercises, None)
        work = ClassRun(hand_ins, recorder, self.executor, self.folder)
        with no_progress(len(names)) as bar:
            work.grade(names, {}, bar)
        if work.report.refused:
            raise SystemExit(str(work.report.refused[0]))

    def _used(self) -> float:
        return time.process_time() + self.engine.warm(self.plan).used()

    def __call__(self, student: str) -> tuple[float, float]:
        before, started = self._used(), time.perf_counter()
        self._grade([student])
        wall = time.perf_counter() - started
        ran = self.ran.pop()
        inside = dict(ran.parts)
        self.parts.append({**inside, "reading, restoring, gradebook": wall - ran.wall})
        return self._used() - before + ran.cpu, wall

    def empty_task(self) -> tuple[float, float]:
        """CPU and wall seconds of a notebook without cells: what the engine itself costs."""
        from nbformat.v4 import new_notebook

        took = []
        for _ in range(20):
            before, started = self._used(), time.perf_counter()
            (ran,) = self.engine.run(self.plan, [self.executor.Job("nobody", new_notebook(), "en")])
            took.append((self._used() - before + ran.cpu, time.perf_counter() - started))
        return statistics.median(c for c, _ in took), statistics.median(w for _, w in took)

    def whole_class(self, names: list[str], workers: int) -> tuple[float, float]:
        """Wall seconds of the class with so many workers, and the memory of all processes at its peak, in bytes."""
        self.engine.workers = workers
        peak, done = [0], threading.Event()

        def watch() -> None:
            while not done.wait(0.25):
                peak[0] = max(peak[0], proportional_memory(os.getpid()))

        watcher = threading.Thread(target=watch)
        if workers > 1:
            watcher.start()
        started = time.perf_counter()
        self._grade(names)
        took = time.perf_counter() - started
        done.set()
        if workers > 1:
            watcher.join()
        return took, peak[0]


def proportional_memory(pid: int) -> int:
    """Bytes held by a process and all it started, shared pages counted once among their sharers."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        todo += parents.get(one, [])
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="utf-8")
            total += int(text.split("\nPss:")[1].split()[0]) * 1024
    return total


def commands(folder: Path, chapter: str) -> tuple[float, float]:
    """Wall seconds of both programs for the whole class, from the command line."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment |= {"USEROPS_DATA": str(ROOT / "datasets"), "USEROPS_COURSE": str(folder / "ours-command")}
    scripts = Path(sys.executable).parent
    took = []
    for line, place in (
        ([str(scripts / "nbgrader"), "autograde", chapter], folder / "stock-command"),
        ([str(scripts / "userops"), "grade", chapter, "--no-feedback"], ROOT),
    ):
        say(f"  {' '.join(line[1:])} …")
        started = time.perf_counter()
        done = subprocess.run(
            [line[0], *line[1:]], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        took.append(time.perf_counter() - started)
        if done.returncode:
            raise SystemExit(f"{line} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return took[0], took[1]


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
