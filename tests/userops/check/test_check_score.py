"""Partial credit: what nbgrader itself makes of the last value of a test cell."""

from __future__ import annotations

from typing import Any

import nbformat
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbgrader.utils import determine_grade

from userops import check, use_language


def score(maximum: Any, *parts: tuple[Any, bool]) -> Any:
    result = check.Score(maximum)
    for points, right in parts:
        with result.part(points, "part"):
            check.number(1 if right else 2, 1)
    return result.total()


def graded(source: str, points: float) -> float:
    """Run one test cell in a real shell and let nbgrader judge its outputs."""
    shell = InteractiveShell()
    with capture_output() as captured:
        done = shell.run_cell("import numpy as np\nfrom userops import check\n" + source)
    outputs: list[dict[str, Any]] = []
    if captured.stderr:
        outputs.append({"output_type": "stream", "name": "stderr", "text": captured.stderr})
    if captured.stdout:
        outputs.append({"output_type": "stream", "name": "stdout", "text": captured.stdout})
    if not done.success:
        outputs.append({"output_type": "error", "ename": "E", "evalue": "", "traceback": []})
    elif done.result is not None:
        data, _ = shell.display_formatter.format(done.result)
        outputs.append({"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1})
    cell = nbformat.v4.new_code_cell(source, outputs=[nbformat.from_dict(o) for o in outputs])
    cell.metadata["nbgrader"] = {
        "grade": True,
        "solution": False,
        "points": points,
        "grade_id": "t",
        "locked": True,
    }
    return float(determine_grade(cell)[0])


CELL = """
score = check.Score({maximum})
with score.part({first}, "first"):
    check.number({a}, 1)
with score.part({second}, "second"):
    check.number({b}, 1)
score.total()
"""


@pytest.mark.parametrize(("a", "b", "want"), [(1, 2, 1.5), (1, 1, 3.0), (2, 2, 0.0), (2, 1, 1.5)])
def test_nbgrader_reads_half_as_half(a: int, b: int, want: float) -> None:
    assert graded(CELL.format(maximum=3, first=1.5, second="np.float64(1.5)", a=a, b=b), 3) == want


def test_nbgrader_would_have_given_full_credit_for_a_numpy_number() -> None:
    # Why total() returns a plain float.
    assert graded("np.float64(1.5)", 3) == 3
    assert graded("float(np.float64(1.5))", 3) == 1.5


@pytest.mark.parametrize("number", [int, float, np.float64, np.float32, np.int64])
def test_the_total_is_a_plain_float(number: Any) -> None:
    total = score(number(3), (number(1), True), (number(2), False))
    assert type(total) is float
    assert repr(total) == "1.0"


def test_float_noise_never_passes_the_maximum() -> None:
    assert score(0.3, (0.1, True), (0.2, True)) == 0.3
    assert score(1, *[(0.1, True)] * 10) == 1.0


def test_parts_must_add_up() -> None:
    with pytest.raises(ValueError, match="add up to 1, not to the maximum 2"):
        score(2, (1, True))
    with pytest.raises(ValueError, match="above zero"):
        check.Score(0)


def test_nothing_earned_raises_the_first_problem(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(check.CheckError) as caught:
        score(2, (1, False), (1, False))
    assert "Expected another number" in str(caught.value)
    assert capsys.readouterr().out.count("✗ part: Expected another number") == 2


def test_any_failure_of_a_part_lets_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def stub() -> None:
        raise NotImplementedError

    def typo() -> None:
        return answr  # type: ignore[name-defined] # noqa: F821

    result = check.Score(6)
    with result.part(1, "stub"):
        stub()
    with result.part(1, "undefined"):
        answer  # type: ignore[name-defined] # noqa: B018, F821
    with result.part(1, "typo"):
        typo()
    with result.part(1, "crash"):
        [][0]
    with result.part(1):
        raise check.CheckError("no", misconception="m")
    with result.part(1):
        pass
    assert result.total() == 1.0
    out = capsys.readouterr()
    lines = out.out.splitlines()
    assert lines[0].startswith("✗ stub: This exercise has no answer yet")
    assert lines[1].startswith("✗ undefined: `answer` is not defined yet")
    assert lines[2].startswith("✗ typo: Your code stopped with NameError")
    assert "IndexError: list index out of range" in lines[3]
    assert lines[4:] == ["✗ no", "✓"]
    assert out.err == ""


def test_an_unanswered_exercise_scores_as_not_attempted() -> None:
    result = check.Score(1)
    with result.part(1):
        raise NotImplementedError
    with pytest.raises(check.CheckError) as caught:
        result.total()
    assert caught.value.state == "not_attempted"


def test_an_interrupt_is_not_swallowed() -> None:
    result = check.Score(1)
    with pytest.raises(KeyboardInterrupt), result.part(1):
        raise KeyboardInterrupt


def test_visible_ok_speaks_the_language(capsys: pytest.CaptureFixture[str]) -> None:
    check.visible_ok()
    use_language("zh")
    check.visible_ok()
    english, chinese = capsys.readouterr().out.splitlines()
    assert english.startswith("✓ The visible checks pass")
    assert chinese.startswith("✓ 可见检查全部通过")


def test_misconceptions_are_logged_until_reset() -> None:
    for key in ("a", "b", "a"):
        with pytest.raises(check.CheckError):
            check.number(2, 1, wrong={key: (2, "no")})
    log = check.misconceptions_met()
    log.append("mine")
    assert check.misconceptions_met() == ["a", "b", "a"]
    check.reset()
    assert check.misconceptions_met() == []
