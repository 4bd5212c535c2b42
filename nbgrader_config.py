"""nbgrader's settings: every nbgrader command, and JupyterLab's nbgrader menus, read this from the repository root.

An instructor's whole working state lives in the git-ignored folder ``course/``; the environment variable
``USEROPS_COURSE`` names another. ``userops course`` fills it.
"""

import contextlib
import os
import sysconfig
from pathlib import Path

from autograder.authoring.chapter import CODE_STUB, TEXT_STUB

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (nbgrader puts it there)

_root = Path(__file__).resolve().parent
_course = Path(os.environ.get("USEROPS_COURSE") or _root / "course").resolve()
_exchange = _course / "exchange"
# The JupyterLab menus fail with "exchange not found" rather than make the folder themselves.
# A read-only checkout can still be read, and validated; nbgrader names the folder when it needs it.
with contextlib.suppress(OSError):
    _exchange.mkdir(parents=True, exist_ok=True)

c.CourseDirectory.root = str(_course)
c.CourseDirectory.course_id = "userops"
# The gradebook is course/gradebook.db. On a PostgreSQL server (an empty database; the password in ~/.pgpass):
# c.CourseDirectory.db_url = "postgresql+psycopg://teacher@db.example.org/gradebook"
c.Exchange.root = str(_exchange)
c.Exchange.cache = str(_course / "cache")
# On one computer, one account plays every student's part.
c.ExchangeCollect.check_owner = False
# nbgrader hands out, hands in and copies every file it finds beside a notebook. A chapter is one notebook, its
# data come from load(): a solution exported beside its source must not travel, nor a module that shadows one
# of the libraries.
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints", "__pycache__", "*.pyc", ".DS_Store", "Thumbs.db", ".virtual_documents",
    "feedback", "*.md", "*.html", "*.pdf", "*.py", "*.parquet",
]  # fmt: skip

# The same stubs as the build's: one release, whoever makes it.
c.ClearSolutions.code_stub = {"python": CODE_STUB}
c.ClearSolutions.text_stub = TEXT_STUB

# nbgrader starts `alembic` by name, which is not found when the environment is used without being activated.
_scripts = sysconfig.get_path("scripts")
if _scripts not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join([_scripts, os.environ.get("PATH", os.defpath)])

# What kernels inherit (formgrader's and Validate's; submissions are run by autograder.engine). Kernels side by side
# on all cores are slower than one thread each (OpenMP spins), and load() finds the tables wherever the notebook stands.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("USEROPS_DATA", str(_root / "datasets"))
c.ExecutePreprocessor.kernel_name = "python3"
c.ExecutePreprocessor.timeout = 60  # seconds a cell; a whole chapter takes less than 30
c.ExecutePreprocessor.iopub_timeout = 60  # on a busy computer output arrives late; that is nobody's fault
c.ExecutePreprocessor.store_widget_state = False
c.ExecutePreprocessor.shutdown_kernel = "immediate"
c.ExecutePreprocessor.extra_arguments = ["--log-level=ERROR"]
c.RunCells.timeout = 60

# nbgrader's own steps, and between them four of ours (autograder/nbgrader_plugins/preprocessors.py says why).
c.Autograde.sanitize_preprocessors = [
    "autograder.nbgrader_plugins.preprocessors.RestoreCells",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.nbgrader_plugins.preprocessors.RunCells",
    "autograder.nbgrader_plugins.preprocessors.ReadScores",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# The course's own feedback page, which reads the gradebook itself and shows no hidden test.
c.GenerateFeedback.exporter_class = "autograder.nbgrader_plugins.exporter.FeedbackExporter"
c.GenerateFeedback.preprocessors = []
c.FeedbackExporter.root = str(_root)
# RestoreCells puts a deleted cell back where it belongs; this is the second line.
c.OverwriteCells.add_missing_cells = True
# A submission without a timestamp would be skipped when it comes again.
c.Autograde.pre_convert_hook = "autograder.nbgrader_plugins.preprocessors.stamp"

# The panel prints the whole configuration, the database's address included.
c.FormgradeExtension.debug = False
