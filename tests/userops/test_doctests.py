"""Every example in a docstring of userops runs and shows what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import types
from collections.abc import Iterator

import pytest

import userops


def examples() -> Iterator[doctest.DocTest]:
    """Yield the docstrings of all modules that hold an example."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = [userops.__name__, *(m.name for m in pkgutil.walk_packages(userops.__path__, "userops."))]
    for name in names:
        module = importlib.import_module(name)
        yield from (found for found in finder.find(module, name) if found.examples)


def failures(example: doctest.DocTest) -> str:
    """Return what a docstring's examples show other than they say, or nothing."""
    said: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(
        example, out=said.append
    )
    return "".join(said)


FOUND = list(examples())


@pytest.mark.parametrize("example", FOUND, ids=lambda example: example.name)
def test_an_example_shows_what_it_says(example: doctest.DocTest) -> None:
    assert failures(example) == ""


def test_examples_are_found_where_they_are_known_to_be() -> None:
    assert {
        "userops._language.t",
        "userops.check._score.Score",
        "userops.schema.labels.label",
        "userops.simulate.parameters.day",
        "userops.sql.ask",
    } <= {example.name for example in FOUND}


def test_a_wrong_example_is_seen() -> None:
    module = types.ModuleType("wrong", ">>> 1 + 1\n3\n")
    (example,) = doctest.DocTestFinder().find(module)
    assert "Expected:\n    3\nGot:\n    2" in failures(example)
