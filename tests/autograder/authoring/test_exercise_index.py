"""What an unanswered notebook tells its reader: which exercise a missing name waits for."""

from __future__ import annotations

import json
from pathlib import Path

from tiny import changed

from autograder.authoring.exercise_index import INDEX, answers_by_test, index_text, waiting_names

WORKED = """```{code-cell} ipython3
share = active_users(events) / len(events)
```

+++ {"lang": "en"}

### Exercise 98.2"""


def test_an_answers_names_and_what_examples_make_of_them_wait() -> None:
    chapter = changed(('+++ {"lang": "en"}\n\n### Exercise 98.2', WORKED))
    names = waiting_names(chapter)
    assert names["active_users"] == names["share"] == "98.1"
    assert names["busiest_day"] == "98.2"
    assert not names.keys() & {"events", "check", "pd"}
    assert "counts" not in names, "an answer's own helper concerns nobody else"


def test_a_test_cell_knows_its_answer() -> None:
    assert answers_by_test(changed()) == {"users_test": "users", "busiest_test": "busiest"}


def test_a_chapter_that_is_built_alone_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    (tmp_path / INDEX).parent.mkdir()
    (tmp_path / INDEX).write_text('{"ch00_other": {"names": {"x": "0.1"}, "tests": {}}}', encoding="utf-8")
    index = json.loads(index_text(tmp_path, [changed()]))
    assert index["ch00_other"]["names"] == {"x": "0.1"}
    assert index["ch98_tiny"]["tests"]["users_test"] == "users"
