"""The examples in the docstrings of ``userops`` give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import userops

MODULES = sorted(module.name for module in pkgutil.walk_packages(userops.__path__, "userops."))


def examples(name: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name), name)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    for test in examples(name):
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_there_are_examples() -> None:
    assert sum(bool(examples(name)) for name in MODULES) >= 4
