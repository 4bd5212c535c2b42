"""How an answer looks in a notebook: a short box, the right state, and still an error for nbgrader."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbgrader.utils import determine_grade

from userops import check, use_language
from userops.check import _notebook

STUB = "def dau(events):\n    # YOUR CODE HERE  在这里写代码\n    raise NotImplementedError()"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the handler, as after ``from userops import check`` in a notebook."""
    made = InteractiveShell()
    monkeypatch.setattr("builtins.get_ipython", lambda: made, raising=False)
    _notebook.install()
    yield made
    made.set_custom_exc((), None)


def shown(shell: InteractiveShell, source: str) -> str:
    """Run one cell that must fail; return what stands below it, without colours."""
    with capture_output() as captured:
        done = shell.run_cell(source)
    assert not done.success
    assert captured.stderr == ""
    return re.sub(r"\x1b\[[0-9;]*m", "", captured.stdout)


def test_a_wrong_answer_is_a_small_box(shell: InteractiveShell) -> None:
    out = shown(shell, "from userops import check\ncheck.number(4, 5)")
    assert out.splitlines()[0] == "┌─ ✗ Not yet right"
    assert out.splitlines()[-1] == "└─"
    assert "Traceback" not in out
    assert len(out.splitlines()) <= 5


def test_long_messages_are_wrapped() -> None:
    words = check.CheckError("one two three " * 20)._render_traceback_()
    assert len(words) > 3
    assert all(len(line) <= 92 for line in words)
    chinese = check.CheckError("你数的是事件；活跃用户数的是人，" * 12)._render_traceback_()
    assert len(chinese) > 4
    assert all(len(line) <= 48 for line in chinese)
    assert all(line[2] not in "，；" for line in chinese[1:-1])
    assert "".join(line[2:] for line in chinese[1:-1]) == "你数的是事件；活跃用户数的是人，" * 12
    mixed = check.CheckError("请调用 `daily_active_users(events)` 再看结果 " * 6)._render_traceback_()
    assert any("daily_active_users(events)" in line for line in mixed)


def test_lines_of_a_message_stay_lines() -> None:
    box = check.CheckError("first\nsecond")._render_traceback_()
    assert box[1:] == ["│ first", "│ second", "└─"]


def test_a_stub_called_by_a_test_is_not_attempted(shell: InteractiveShell) -> None:
    shell.run_cell(STUB)
    out = shown(shell, "from userops import check\ncheck.series(dau(1), [1])")
    assert out.startswith("┌─ ○ Not attempted yet")
    assert "NotImplementedError()" in out
    assert len(out.splitlines()) <= 6


def test_running_the_stub_itself_is_not_attempted(shell: InteractiveShell) -> None:
    use_language("zh")
    assert shown(shell, "# YOUR CODE HERE\nraise NotImplementedError()").startswith("┌─ ○ 还没有作答")


def test_a_value_that_is_not_defined_yet(shell: InteractiveShell) -> None:
    out = shown(shell, "from userops import check\ncheck.number(best_channel, 3)")
    assert out.startswith("┌─ ○ Not attempted yet")
    assert "`best_channel` is not defined yet" in out


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (["anser = 1\nanswer + 1"], "name 'answer' is not defined"),
        (["def f():\n    return anser", "check.number(f(), 3)"], "name 'anser' is not defined"),
        (["def f():\n    raise NotImplementedError('later')", "f()"], None),
        (["import abc\nraise ValueError('x')"], "ValueError"),
        (
            [
                "class A:\n    def go(self):\n        self.work()\n    def work(self):\n        error = NotImplementedError('sub')\n        raise error",
                "A().go()",
            ],
            "sub",
        ),
    ],
)
def test_a_learners_own_mistakes_keep_their_traceback(
    shell: InteractiveShell, cells: list[str], kept: str | None
) -> None:
    shell.run_cell("from userops import check")
    for cell in cells[:-1]:
        shell.run_cell(cell)
    out = shown(shell, cells[-1])
    if kept is None:
        assert "Not attempted" in out
    else:
        assert kept in out
        assert "Not attempted" not in out
        assert "Traceback" in out


def test_an_error_inside_a_library_keeps_its_traceback(shell: InteractiveShell) -> None:
    out = shown(shell, "import codecs\ncodecs.Codec().encode('x')")
    assert "Not attempted" not in out
    assert "NotImplementedError" in out


def test_installing_twice_or_without_a_shell(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = shell.CustomTB
    _notebook.install()
    assert shell.CustomTB == handler
    monkeypatch.delattr("builtins.get_ipython")
    _notebook.install()
    monkeypatch.setattr("builtins.get_ipython", lambda: None, raising=False)
    _notebook.install()


def cell(source: str, points: float | None = None) -> Any:
    made = nbformat.v4.new_code_cell(source)
    made.metadata["nbgrader"] = {
        "grade_id": "c",
        "grade": points is not None,
        "solution": False,
        "locked": True,
        "points": points,
        "schema_version": 3,
        "task": False,
    }
    return made


def test_in_a_real_kernel_unanswered_is_an_error_and_scores_zero() -> None:
    cells = [
        cell("from userops import use_language\nuse_language('zh')\nfrom userops import check"),
        cell(STUB),
        cell("check.series(dau(1), [1])", 2),
        cell("check.number(answer, 3)", 2),
        cell("check.number(4, 3)", 2),
        cell(
            "score = check.Score(3)\nwith score.part(1.5, 'a'):\n    check.number(3, 3)\nwith score.part(1.5, 'b'):\n    check.number(4, 3)\nscore.total()",
            3,
        ),
        cell("check.number(3, 3)\ncheck.visible_ok()", 2),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with warnings.catch_warnings():
        # What the client's own libraries say is not the course's business; what the cells say is checked below.
        warnings.simplefilter("ignore")
        NotebookClient(notebook, allow_errors=True, timeout=120).execute()
    outputs = [c.outputs for c in notebook.cells]
    assert [[o.output_type for o in out] for out in outputs[2:5]] == [["error"]] * 3
    assert [o[0].ename for o in outputs[2:5]] == ["NotImplementedError", "NameError", "CheckError"]
    assert all("还没有作答" in "\n".join(o[0].traceback) for o in outputs[2:4])
    assert all(len(o[0].traceback) <= 5 for o in outputs[2:5])
    assert [determine_grade(c)[0] for c in notebook.cells[2:]] == [0, 0, 0, 1.5, 2]
    assert not any(o.get("name") == "stderr" for out in outputs for o in out)


class Kernel:
    """A real kernel, asked as a front end with a person before it asks (or, without a keyboard, as a grader does)."""

    def __init__(self, *, keyboard: bool) -> None:
        self.keyboard = keyboard
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the client's own libraries say
            self.manager = KernelManager(kernel_name="python3")
            self.manager.start_kernel(extra_arguments=["--log-level=ERROR"])
            self.client = self.manager.client()
            self.client.start_channels()
            self.client.wait_for_ready(timeout=120)

    def run(self, source: str, cell_id: str = "") -> tuple[str, str]:
        """Run a cell; returns how it ended ("ok" or "error"), and what it shows as text."""
        content = {
            "code": source, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": self.keyboard, "stop_on_error": True,
        }  # fmt: skip
        request = self.client.session.msg("execute_request", content, metadata={"cellId": cell_id})
        self.client.shell_channel.send(request)
        shown = ""
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            said = message["content"]
            if message["msg_type"] == "status" and said["execution_state"] == "idle":
                break
            shown += str(said.get("text", "")) + said.get("data", {}).get("text/plain", "")
            shown += "\n".join(said.get("traceback", []))
        return self.client.get_shell_msg(timeout=120)["content"]["status"], shown

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


START = "from userops import check, use_language\nuse_language('{}', 'ch01_metrics')"
DAU = "def daily_active_users(events):\n    # YOUR CODE HERE  在这里写代码\n    raise NotImplementedError()"
VALUE = "# YOUR CODE HERE  在这里写代码\nraise NotImplementedError()"


@pytest.fixture(params=[True, False], ids=["person", "grader"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    made = Kernel(keyboard=request.param)
    yield made
    made.close()


def test_an_untouched_chapter_runs_to_its_end_for_a_person_and_fails_for_a_grader(kernel: Kernel) -> None:
    end = "ok" if kernel.keyboard else "error"
    assert kernel.run(START.format("en")) == ("ok", "")
    assert kernel.run(DAU, "dau")[0] == "ok"
    status, shown = kernel.run("check.number(daily_active_users(1), 1)", "dau_test")
    assert (status, "Not attempted yet" in shown) == (end, True)
    status, shown = kernel.run("curve = daily_active_users(1)")
    assert (status, "This cell waits for exercise 1.1" in shown) == (end, True)
    status, shown = kernel.run(VALUE, "months")
    assert (status, "Not attempted yet" in shown) == (end, True)
    status, shown = kernel.run("check.number(months, 1)", "months_test")
    assert (status, "`months` is not defined yet" in shown) == (end, True)
    status, shown = kernel.run("print(months)")
    assert (status, "waits for exercise 1.3" in shown) == (end, True)
    # A name that an example above has given already.
    kernel.run("months = 7")
    kernel.run(VALUE, "months")
    status, shown = kernel.run("check.number(months, 1)", "months_test")
    assert (status, "Not attempted yet" in shown) == (end, kernel.keyboard)


def test_a_wrong_answer_a_mistake_and_a_typing_error_stay_red(kernel: Kernel) -> None:
    kernel.run(START.format("zh"))
    kernel.run(VALUE, "months")
    kernel.run("months = 7", "months")
    status, shown = kernel.run("check.number(months, 1)", "months_test")
    assert (status, "还不对" in shown) == ("error", True)
    assert kernel.run("1 / 0")[0] == "error"
    status, shown = kernel.run("daily_active_user(1)")
    assert (status, "NameError" in shown) == ("error", True)
