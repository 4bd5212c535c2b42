"""Every case of every chapter by stock nbgrader's executor and by ours: the scores, cell by cell.

    python -m tests.bench.bench_agreement              all chapters (some minutes each)
    python -m tests.bench.bench_agreement --chapter ch00

Stock is nbgrader's own ``Execute`` step (a fresh kernel a notebook) and its own ``determine_grade``, nothing of
ours in between. The notebooks are whole ones, dealt from the chapters' cases (tests/class_of_cases.py). A
difference is printed with what both said; the reasons known are listed in ``autograder/README.md``.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("USEROPS_DATA", str(ROOT / "datasets"))

import tempfile  # noqa: E402

from class_of_cases import students  # noqa: E402
from nbformat import NotebookNode  # noqa: E402
from nbgrader.preprocessors import Execute  # noqa: E402
from nbgrader.utils import determine_grade, is_grade  # noqa: E402
from tqdm import tqdm  # noqa: E402
from traitlets.config import Config  # noqa: E402

from autograder.authoring.chapter import read_chapter  # noqa: E402
from autograder.authoring.edition import edition  # noqa: E402
from autograder.authoring.repository import Repository, chapter_paths, find_root  # noqa: E402
from autograder.engine import Engine, Job, chapter_plan  # noqa: E402
from autograder.grading.master import from_edition  # noqa: E402
from autograder.notebooks.restore import restore  # noqa: E402
from autograder.notebooks.scoring import normalise_outcome  # noqa: E402


def main() -> int:
    """Compare; 1 if any score differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chapter", action="append", help="only this one (repeatable)")
    parser.add_argument("--every", type=int, default=1, help="only every n-th notebook")
    args = parser.parse_args()
    root = find_root(ROOT)
    repo = Repository(root)
    paths = [repo.source(repo.chapter(name)) for name in args.chapter or []] or chapter_paths(root)
    differences = compared = 0
    for path in paths:
        chapter = read_chapter(path)
        master_cells = from_edition(edition(chapter, "en", release=False))
        everybody = students(chapter, lean=True)[:: args.every]
        for student in everybody:
            restore(student.notebook, master_cells)
        jobs = [Job(student.name, student.notebook, student.lang) for student in everybody]
        with Engine() as engine:
            ours = {
                ran.key: ran.notebook for ran in engine.run(chapter_plan(chapter.name, master_cells), jobs)
            }
        for job in tqdm(jobs, desc=chapter.name, file=sys.stderr):
            theirs = by_stock(job.notebook)
            for mine, other in zip(ours[job.key].cells, theirs.cells, strict=True):
                if is_grade(other) and other.cell_type == "code":
                    compared += 1
                    before = score(other)
                    normalise_outcome(mine)
                    if score(mine) != before:
                        differences += 1
                        grade_id = other.metadata.nbgrader.grade_id
                        print(f"{chapter.name} {job.key} {grade_id}: stock {before}, ours {score(mine)}")
                        print(f"    stock: {said(other)}\n    ours:  {said(mine)}")
    print(f"{compared} scores compared, {differences} differ.")
    return 1 if differences else 0


def by_stock(notebook: NotebookNode) -> NotebookNode:
    """Run a notebook by nbgrader's own step."""
    config = Config()
    config.ExecutePreprocessor.timeout = 120
    config.ExecutePreprocessor.kernel_name = "python3"
    with tempfile.TemporaryDirectory() as folder:
        executed, _ = Execute(config=config).preprocess(
            copy.deepcopy(notebook), {"metadata": {"path": folder}}
        )
    return executed


def score(cell: NotebookNode) -> float | None:
    """A test's points by nbgrader's rule."""
    return determine_grade(cell)[0]


def said(cell: NotebookNode) -> str:
    """What a cell put out, in a line."""
    texts = [
        str(o.get("evalue") or o.get("text") or o.get("data", {}).get("text/plain")) for o in cell.outputs
    ]
    return " | ".join(" ".join(text.split())[:200] for text in texts)


if __name__ == "__main__":
    sys.exit(main())
