"""What a test cell's outputs are worth.

nbgrader judges a test by its outputs: an error or anything on stderr is zero, a number is partial credit,
everything else is full credit. Two of these rules punish or reward by accident; ``normalise_outcome`` puts that
right before the score is taken (``automatic_score``), by whichever door a notebook came in.
"""

from __future__ import annotations

import contextlib
import math
import re
from typing import Final

from nbformat import NotebookNode
from nbgrader.utils import determine_grade, is_solution

_NUMPY: Final = re.compile(r"np\.(?:float|int|uint)\d+\((.+)\)")


def normalise_outcome(cell: NotebookNode) -> None:
    """Change a test cell's outputs in place so that nbgrader gives what the test meant.

    - What went to stderr (a warning from the learner's code, say) becomes ordinary output: it costs nothing.
    - A partial score is read as the number it is: ``np.float64(1.5)`` is 1.5, not full credit; a score
      outside of 0 to the cell's points is brought back to the nearer end, and NaN or False is 0.
    """
    points = float(cell.metadata.nbgrader.get("points", 0))
    for output in cell.outputs:
        if output.output_type == "stream":
            output.name = "stdout"
        elif output.output_type == "execute_result":
            text = str(output.get("data", {}).get("text/plain", "")).strip()
            with contextlib.suppress(ValueError):
                output["data"] = {"text/plain": repr(_number(text, points))}


def automatic_score(cell: NotebookNode) -> float | None:
    """A graded cell's score by nbgrader's own rules, its outcome normalised in place; None where a person must judge."""
    if cell.cell_type == "code" and not is_solution(cell):
        normalise_outcome(cell)
    try:
        score, _ = determine_grade(cell)
    except (KeyError, ValueError):
        # A last value without any text: the test ran to its end, and gave no number.
        score = cell.metadata.nbgrader.points
    return None if score is None else float(score)


def _number(text: str, points: float) -> float:
    """The score that a result's text stands for; ValueError if it is not a number at all."""
    if text in ("False", "np.False_"):
        return 0.0
    match = _NUMPY.fullmatch(text)
    value = float(match[1] if match else text)
    return 0.0 if math.isnan(value) else min(max(value, 0.0), points)
