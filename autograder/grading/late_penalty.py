"""What lateness costs, by the plugin that nbgrader's settings name (nbgrader's own: nothing)."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Config

from userops.errors import CourseError


class LatePenalty:
    """The settings' plugin, asked as ``nbgrader autograde`` asks it."""

    def __init__(self, config: Config) -> None:
        self._assign = AssignLatePenalties(config=config)
        self._assign.init_plugin()

    def points(
        self, student: str, score: float, handed_in: datetime | None, due: datetime | None
    ) -> float | None:
        """Points to take off a score; None if nothing is to be written down.

        Args:
            student: the student's id.
            score: what was earned, in points.
            handed_in, due: UTC, without a zone; ``due`` with the student's extension.

        Raises:
            CourseError: the plugin failed.
        """
        if due is None or handed_in is None:
            return None
        late = max(0.0, (handed_in - due).total_seconds())
        if not late:
            return None
        try:
            penalty = self._assign.plugin_inst.late_submission_penalty(student, score, late)
            if penalty is None:
                return None
            # nbgrader's own bounds: nothing to everything, with a warning beyond.
            bounded = self._assign._check_late_penalty(SimpleNamespace(score=score), float(penalty))  # noqa: SLF001
            return float(bounded)
        except Exception as error:
            raise CourseError(
                f"the late penalty could not be worked out ({type(error).__name__}: {error}): mend the plugin that "
                "nbgrader_config.py names."
            ) from error
