"""Everything a chapter's source is checked for before it is built, without running it.

Each rule is a small function from a chapter to the problems it finds; its docstring is the rule. Errors stop
the build; warnings are reported, and stop it with ``--strict``.
"""

from __future__ import annotations

from typing import Final

from autograder.authoring.chapter import Chapter
from autograder.authoring.lints import language, names, prose, structure, test_cells
from autograder.authoring.lints.problem import Problem, Rule

RULES: Final[tuple[Rule, ...]] = (
    structure.header,
    structure.opening,
    structure.twins,
    structure.metadata,
    structure.grade_ids,
    structure.points,
    structure.exercises,
    structure.cases,
    structure.regions,
    structure.details,
    structure.memos,
    names.syntax,
    names.stubs,
    names.test_names,
    names.rebinding,
    test_cells.quiet_tests,
    test_cells.scores,
    test_cells.visible_ok,
    language.comments,
    language.language,
    test_cells.proven,
    prose.chinese_is_chinese,
    prose.english_is_english,
    prose.chinese_punctuation,
    prose.chinese_spacing,
    prose.marks_are_rendered,
)


def lint(chapter: Chapter) -> list[Problem]:
    """Return every problem of the chapter, in order of its lines."""
    return sorted(problem for rule in RULES for problem in rule(chapter))
