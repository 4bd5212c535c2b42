"""Make a valid notebook of whatever has a notebook's outline, and keep every answer.

What learners hand in was written by editors, converters, scripts and, now and then, by somebody who tries
what a field full of nonsense does to the grader. Whoever reads a notebook after this may rely on nbformat's
schema: every cell has its fields and no others, each of its proper type, and text that UTF-8 can hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nbformat import NotebookNode

NEWEST_MINOR: Final = 5  # the newest 4.x that this course writes
IDS_SINCE: Final = 5  # cell ids came with 4.5

_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TYPES: Final = ("code", "markdown", "raw")


def tidy(notebook: NotebookNode) -> None:
    """Put the form of ``notebook`` right in place: its cells' text, order and kind stay.

    Old outputs are dropped: they are nobody's answer, and may be larger than everything else.
    What cannot be a cell at all (no text, an unknown type) is dropped.
    """
    minor = notebook.get("nbformat_minor", NEWEST_MINOR)
    known = isinstance(minor, int) and not isinstance(minor, bool) and 0 <= minor <= NEWEST_MINOR
    cells = notebook.get("cells")
    cells = [_cell(cell) for cell in cells if _is_cell(cell)] if isinstance(cells, list) else []
    metadata = _notebook_metadata(notebook.get("metadata"))
    notebook.clear()
    notebook.update(
        nbformat=4, nbformat_minor=minor if known else NEWEST_MINOR, metadata=metadata, cells=cells
    )
    _number(notebook)


def has_ids(notebook: NotebookNode) -> bool:
    """Whether the notebook's format gives cells an id."""
    return bool(notebook.nbformat_minor >= IDS_SINCE)


def free_id(wanted: str, taken: set[str]) -> str:
    """An id like ``wanted`` that no cell has yet; it is added to ``taken``.

    The same for the same notebook: grading twice writes the same file.
    """
    stem = re.sub(r"[^a-zA-Z0-9_-]", "-", wanted)[:50] or "cell"
    name, number = wanted if _ID.fullmatch(wanted) else stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name


def utf8(text: str) -> str:
    """``text`` with every half of a surrogate pair replaced: UTF-8 cannot hold one alone."""
    return _SURROGATE.sub("\ufffd", text)


def _is_cell(cell: Any) -> bool:
    return (
        isinstance(cell, Mapping) and cell.get("cell_type") in _TYPES and isinstance(cell.get("source"), str)
    )


def _cell(cell: Mapping[str, Any]) -> NotebookNode:
    """The cell itself, with its proper fields alone."""
    proper = NotebookNode(
        cell_type=cell["cell_type"],
        metadata=_cell_metadata(cell.get("metadata")),
        source=utf8(cell["source"]),
    )
    if isinstance(cell.get("id"), str):
        proper["id"] = cell["id"]
    if proper.cell_type == "code":
        proper.outputs, proper.execution_count = [], None
    elif attachments := _attachments(cell.get("attachments")):
        proper.attachments = attachments
    return proper


def _cell_metadata(metadata: Any) -> NotebookNode:
    """Of a cell's metadata what matters here: nbgrader's (read with care by ``restore``) and the tags."""
    kept = NotebookNode()
    if not isinstance(metadata, Mapping):
        return kept
    if "nbgrader" in metadata:
        kept["nbgrader"] = metadata["nbgrader"]
    tags = metadata.get("tags")
    if isinstance(tags, list):
        words = [utf8(tag) for tag in tags if isinstance(tag, str) and re.fullmatch(r"[^,]+", tag)]
        if words:
            kept["tags"] = list(dict.fromkeys(words))
    for key in ("deletable", "editable"):
        if isinstance(metadata.get(key), bool):
            kept[key] = metadata[key]
    return kept


def _attachments(attachments: Any) -> NotebookNode | None:
    """Pictures in a text: ``{"name.png": {"image/png": base64}}``; what has another form is dropped."""
    if not isinstance(attachments, Mapping):
        return None
    kept = NotebookNode()
    for name, bundle in attachments.items():
        if isinstance(bundle, Mapping):
            data = {kind: text for kind, text in bundle.items() if _is_text(text) and "json" not in kind}
            if data:
                kept[utf8(name)] = NotebookNode(
                    {utf8(kind): _utf8_lines(text) for kind, text in data.items()}
                )
    return kept or None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))


def _utf8_lines(text: str | list[str]) -> str:
    return utf8(text if isinstance(text, str) else "".join(text))


def _notebook_metadata(metadata: Any) -> NotebookNode:
    """The kernel's names, and which chapter in which language this is."""
    kept = NotebookNode()
    wanted = {
        "kernelspec": (("name", "display_name"), ("language",)),
        "language_info": (("name",), ()),
        "userops": ((), ("chapter", "lang")),
    }
    for key, (needed, welcome) in wanted.items():
        part = metadata.get(key) if isinstance(metadata, Mapping) else None
        if isinstance(part, Mapping):
            words = {k: utf8(part[k]) for k in (*needed, *welcome) if isinstance(part.get(k), str)}
            if words and all(name in words for name in needed):
                kept[key] = NotebookNode(words)
    return kept


def _number(notebook: NotebookNode) -> None:
    """Give every cell an id of its own, or none if the format knows no ids."""
    taken: set[str] = set()
    for place, cell in enumerate(notebook.cells):
        if not has_ids(notebook):
            cell.pop("id", None)
        else:
            wanted = cell.get("id", "")
            cell["id"] = free_id(wanted if _ID.fullmatch(wanted) else f"cell-{place}", taken)
