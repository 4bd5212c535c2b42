"""nbgrader's door to the course's feedback page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from traitlets import Unicode, default

from autograder.authoring.repository import repository
from autograder.feedback.writer import FeedbackWriter


class FeedbackExporter(Exporter):
    """What stock ``nbgrader generate_feedback`` exports a graded notebook with (see ``nbgrader_config.py``).

    Which submissions are due, timestamps, permissions and messages stay nbgrader's.
    """

    root = Unicode("", help="The course's checkout, for the chapters in both languages.").tag(config=True)

    @default("file_extension")
    def _html(self) -> str:
        return ".html"

    def from_filename(  # type: ignore[override]  # (nbconvert's own exporters return text as well)
        self, filename: str, resources: dict[str, Any] | None = None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the page of one graded notebook; ``resources`` are nbgrader's."""
        ids = (resources or {})["nbgrader"]
        # nbconvert's exporter is a child of nbgrader's converter.
        converter: Any = self.parent
        own_resources: Callable[..., dict[str, Any]] = self._init_resources  # nbconvert's have no types
        writer = FeedbackWriter(
            repository(Path(self.root) if self.root else None),
            converter.coursedir,
            ids["assignment"],
            ids["notebook"],
        )
        html = writer.html(ids["student"], Path(filename).read_text(encoding="utf-8"))
        return html, own_resources(resources)
