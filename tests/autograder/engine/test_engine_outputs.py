"""What a learner sees of a run is what Jupyter would show: cell by cell, against a real kernel."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from autograder.engine import Engine, Job, Limits, chapter_plan
from autograder.engine.coordinator.plan import SubmissionResult
from autograder.engine.worker import forkserver

CELLS: Final = (
    "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nfrom userops import check",
    "print('one')\nprint('two', end='')",
    "import sys\nprint('careful', file=sys.stderr)",
    "1 + 1",
    "1 + 1;",
    "None",
    "df = pd.DataFrame({'user_id': [1, 2], 'paid': ['a', 'b']})\ndf",
    "df['paid']",
    "pd.DataFrame({f'c{i}': range(3) for i in range(40)})",  # as wide as a notebook shows, not a terminal
    "display(df, 3)\nprint('then')\n'last'",
    "fig, ax = plt.subplots()\nax.plot([1, 2])\nax.set_title('t')",
    "plt.plot([3, 1])\nplt.show()\nprint('shown')",
    "from userops import style\nstyle.use()\nfig, (a, b) = plt.subplots(1, 2)\na.bar(['甲', '乙'], [3, 4])\n"
    "b.plot([1, 2], label='支付')\nb.set(title='每日活跃用户', xlabel='日期')\nb.legend()\nplt.show()",
    "plt.rcdefaults()\nplt.figure();\nplt.figure();",
    "%matplotlib inline\nplt.bar([1, 2], [3, 4]);",
    "def third(x):\n    return x / 0\n\n\ndef second(x):\n    return third(x)",
    "second(1)",
    "df['no such column']",
    "raise NotImplementedError()",
    "assert 1 == 2, 'not equal'",
    "x = (1,",
    "undefined_name",
    "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('worse') from error",
    "import warnings\nwarnings.warn('once only', UserWarning)",
    "warnings.warn('old', DeprecationWarning)",
    "import asyncio\nawait asyncio.sleep(0)\n'awaited'",
    "from IPython.display import HTML, Markdown, clear_output\nprint('gone')\nclear_output()\nMarkdown('**b**')",
    "HTML('<b>b</b>')",
    "_",
    "class Thing:\n    def __repr__(self):\n        return 'a thing'\n\n\n[Thing()]",
    "Thing.missing",
    "print(pd.get_option('display.max_columns'), plt.get_backend())",
    "print(__name__, type(get_ipython()).__name__)",
    "sys.exit(3)",
    "df.style.format(precision=1).set_uuid('x')",
    "print('a' * 100)\nprint('中文，很好')",
)

NOISE: Final = (
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"ipykernel_\d+"), "ipykernel_…"),
    # A traceback writes files in the home of who runs it with ~; a learner's process has another home.
    (re.compile(rf"(?<=[ m]){re.escape(str(Path.home()))}/"), "~/"),
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1, limits=Limits(cell_seconds=10)) as engine:
        yield engine


def run(engine: Engine, *sources: str) -> SubmissionResult:
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    (ran,) = engine.run(chapter_plan("any", ()), [Job("me", notebook, "en")])
    assert ran.trouble is None
    return ran


def plain(value: object) -> object:
    """Outputs without what differs between two runs of anything: addresses, process numbers, the home."""
    if isinstance(value, str):
        for pattern, text in NOISE:
            value = pattern.sub(text, value)
        return value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def shown(cell: NotebookNode) -> object:
    return plain([dict(output) for output in cell.outputs])


@pytest.fixture(scope="module")
def both(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[NotebookNode, NotebookNode]:
    theirs = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    folder = tmp_path_factory.mktemp("kernel")
    client = NotebookClient(
        theirs,
        allow_errors=True,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return theirs, run(engine, *CELLS).notebook


@pytest.mark.parametrize("number", range(len(CELLS)), ids=[source.split("\n")[-1][:40] for source in CELLS])
def test_a_cell_shows_what_a_kernel_shows(both: tuple[NotebookNode, NotebookNode], number: int) -> None:
    theirs, ours = (notebook.cells[number] for notebook in both)
    if "style.use()" in CELLS[number]:
        assert_alike(theirs, ours)
        return
    assert shown(ours) == shown(theirs)
    assert ours.execution_count == theirs.execution_count


def assert_alike(theirs: NotebookNode, ours: NotebookNode) -> None:
    """The same picture: of one size, and hardly any of its ink elsewhere.

    A kernel lays a figure out once more before it draws it; with the course's style that can move a line by a
    fraction of a pixel.
    """
    pictures = []
    for cell in (theirs, ours):
        (output,) = cell.outputs
        data = base64.b64decode(output.data["image/png"])
        pictures.append(np.asarray(Image.open(io.BytesIO(data)).convert("L"), dtype=float))
    assert pictures[0].shape == pictures[1].shape
    assert np.abs(pictures[0] - pictures[1]).mean() < 2
    assert pictures[0].std() > 10


# ------------------------------------------------------------------------------------------ hazards of forking


def text(ran: SubmissionResult, number: int = -1) -> str:
    return "".join(o.get("text", "") for o in ran.notebook.cells[number].outputs)


def test_two_forks_draw_different_random_numbers(engine: Engine) -> None:
    source = "import random\nimport numpy as np\nprint(random.random(), np.random.random())"
    assert len({text(run(engine, source)) for _ in range(3)}) == 3


def test_a_clustering_finishes_in_a_fork(engine: Engine) -> None:
    """libgomp, used with two threads before a fork, would hang the child."""
    source = (
        "import numpy as np\nfrom sklearn.cluster import KMeans\n"
        "model = KMeans(3, n_init=5, random_state=0).fit(np.random.default_rng(0).normal(size=(500, 4)))\n"
        "print(model.cluster_centers_.shape)"
    )
    assert text(run(engine, source)) == "(3, 4)\n"


def test_an_endless_loop_is_interrupted_after_an_await_too(engine: Engine) -> None:
    """asyncio's runner installs a handler of its own for the signal that interrupts."""
    usual, engine.limits = engine.limits, Limits(cell_seconds=2)
    try:
        ran = run(engine, "import asyncio\nawait asyncio.sleep(0)", "while True: pass", "print('goes on')")
    finally:
        engine.limits = usual
    assert ran.notebook.cells[1].outputs[-1].ename == "KeyboardInterrupt"
    assert text(ran) == "goes on\n"


def test_a_dead_process_costs_its_own_cell_only(engine: Engine) -> None:
    ran = run(
        engine,
        "kept = 41",
        "import os\nos._exit(1)",
        "print(kept + 1)",
        "import ctypes; ctypes.string_at(0)",
        "print(kept)",
    )
    assert [o.ename for i in (1, 3) for o in ran.notebook.cells[i].outputs] == ["DeadKernelError"] * 2
    assert text(ran, 2) == "42\n" and text(ran, 4) == "41\n"


def test_the_two_streams_keep_their_order(engine: Engine) -> None:
    """A kernel may show stdout first, whatever came first."""
    ran = run(engine, "import sys\nprint(1, file=sys.stderr)\nprint(2)\nprint(3, file=sys.stderr)")
    assert [(o.name, o.text) for o in ran.notebook.cells[0].outputs] == [
        ("stderr", "1\n"),
        ("stdout", "2\n"),
        ("stderr", "3\n"),
    ]


def test_nobody_answers_at_the_keyboard(engine: Engine) -> None:
    assert run(engine, "input('name? ')").notebook.cells[0].outputs[0].ename == "StdinNotImplementedError"


def test_what_c_code_prints_is_shown(engine: Engine) -> None:
    assert text(run(engine, "import os\nos.write(1, b'from below')")) == "from below"


def test_the_program_itself_is_left_as_it_was(engine: Engine) -> None:
    before = Path.cwd(), dict(os.environ)
    run(engine, "import os\nos.chdir('/')\nos.environ['X'] = 'y'\nprint(os.getcwd())")
    assert (Path.cwd(), dict(os.environ)) == before


def test_a_fork_server_with_a_second_thread_refuses_to_serve() -> None:
    import threading

    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="must have one thread"):
            forkserver._require_one_thread()
    finally:
        stop.set()
        thread.join()


def test_data_that_lie_in_tmp_are_seen_there_and_their_truth_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process has an empty /tmp of its own, which must not hide an environment or data that lie there."""
    data = tmp_path / "datasets"
    (data / "truth").mkdir(parents=True)
    (data / "truth" / "secret.csv").write_text("secret", encoding="utf-8")
    for name in ("users", "products"):
        shutil.copy(Path(__file__).parents[3] / "datasets" / f"{name}.parquet", data)
    monkeypatch.setenv("USEROPS_DATA", str(data))
    source = (
        "import os\nfrom pathlib import Path\ndata = Path(os.environ['USEROPS_DATA'])\n"
        "print(sorted(p.name for p in data.rglob('*')))\n"
        "for folder in (data, data / 'truth'):\n"
        "    try:\n        (folder / 'left').touch()\n"
        "    except OSError as error:\n        print(error.strerror)"
    )
    with Engine(workers=1) as engine:
        assert text(run(engine, source)).splitlines() == [
            "['products.parquet', 'truth', 'users.parquet']",
            "Read-only file system",
            "Read-only file system",
        ]
