"""Everything a chapter's source is checked for before it is built, without running it.

Each rule is a small function from a chapter to the problems it finds; its docstring is the rule. Errors stop
the build; warnings are reported, and stop it with ``--strict``.
"""

from __future__ import annotations

from typing import Final

from autograder import lint_language, lint_names, lint_prose, lint_structure, lint_tests
from autograder.problems import Problem, Rule
from autograder.source import Chapter

RULES: Final[tuple[Rule, ...]] = (
    lint_structure.header,
    lint_structure.opening,
    lint_structure.twins,
    lint_structure.metadata,
    lint_structure.grade_ids,
    lint_structure.points,
    lint_structure.exercises,
    lint_structure.cases,
    lint_structure.regions,
    lint_structure.details,
    lint_structure.memos,
    lint_names.syntax,
    lint_names.stubs,
    lint_names.test_names,
    lint_names.rebinding,
    lint_tests.quiet_tests,
    lint_tests.scores,
    lint_tests.visible_ok,
    lint_language.comments,
    lint_language.language,
    lint_tests.proven,
    lint_prose.chinese_is_chinese,
    lint_prose.english_is_english,
    lint_prose.chinese_punctuation,
    lint_prose.chinese_spacing,
)


def lint(chapter: Chapter) -> list[Problem]:
    """Return every problem of the chapter, in order of its lines."""
    return sorted(problem for rule in RULES for problem in rule(chapter))
