"""Regions of a cell's text, between ``### BEGIN …`` and ``### END …``, as nbgrader finds them.

Two kinds: the answer in a solution cell, which a release replaces by a stub, and the hidden part of a test, which a
release leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Region = Literal["SOLUTION", "HIDDEN TESTS"]
Span = tuple[int, int]


def spans(source: str, region: Region) -> tuple[Span, ...]:
    """First and last line (from 1) of each such region, its marks included; one that is not closed ends the text."""
    found: list[Span] = []
    first = 0
    lines = source.split("\n")
    for number, line in enumerate(lines, 1):
        if f"BEGIN {region}" in line:
            first = first or number
        elif f"END {region}" in line and first:
            found.append((first, number))
            first = 0
    return (*found, (first, len(lines))) if first else tuple(found)


def replaced(source: str, region: Region, instead: Sequence[str] = ()) -> str:
    """The text with other lines in the place of each such region, indented as its first mark is."""
    lines = source.split("\n")
    for first, last in reversed(spans(source, region)):
        mark = lines[first - 1]
        indent = mark[: len(mark) - len(mark.lstrip())]
        lines[first - 1 : last] = [indent + line for line in instead]
    return "\n".join(lines)


def hidden_lines(source: str) -> tuple[Span, ...]:
    """First and last line (from 1) of each hidden part of a test."""
    return spans(source, "HIDDEN TESTS")


def without_hidden(source: str) -> str:
    """A test's text without its hidden part, as nbgrader releases it."""
    return replaced(source, "HIDDEN TESTS")
