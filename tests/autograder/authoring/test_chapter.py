"""Reading a chapter's source."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import SOURCE, TEXT, changed, changed_text, course, line_of

from autograder.authoring.chapter import CODE_STUB, parse_chapter, read_chapter, stub, visible
from autograder.authoring.repository import chapter_paths, find_root
from userops.errors import CourseError


def test_header_and_kinds():
    chapter = read_chapter(SOURCE)
    assert (chapter.name, chapter.number, chapter.minutes) == ("ch98_tiny", 98, 60)
    assert chapter.title == {"en": "A tiny chapter", "zh": "极小的一章"}
    assert chapter.builds_on == ("ch00_orientation",)
    assert chapter.points == 10
    kinds = [cell.kind for cell in chapter.cells if cell.kind != "prose"]
    assert kinds == [
        "locked", "worked",
        "solution", "test", *["case"] * 5,
        "solution", "test", *["case"] * 5,
        "memo",
    ]  # fmt: skip
    assert [cell.lang for cell in chapter.of_kind("prose")] == ["en", "zh"] * 6
    assert [cell.lang for cell in chapter.of_kind("memo")] == ["both"]


def test_every_cell_knows_the_line_its_text_begins_in():
    lines = TEXT.split("\n")
    for cell in read_chapter(SOURCE).cells:
        body = cell.source.split("\n")
        assert lines[cell.line - 1 : cell.line - 1 + len(body)] == body


def test_metadata_block_between_dashes_is_read_too():
    short = ':case: {of: users, right: "a set"}\n'
    long = "---\ncase:\n  of: users\n  right: a set\n---\n"
    chapter = changed((short, long))
    case = next(chapter.of_kind("case"))
    assert (case.case.of, case.case.right) == ("users", "a set")
    assert case.line == line_of(changed_text((short, long)), "def active_users(events):\n    return len(set")


def test_exercises_hold_their_tests_and_cases():
    users, busiest = read_chapter(SOURCE).exercises
    assert (users.key, users.points, [t.grade_id for t in users.tests]) == ("users", 4, ["users_test"])
    assert [c.case.label for c in users.cases] == [
        "a set",
        "drop_duplicates",
        "events",
        "daily",
        "a constant",
    ]
    assert [c.case.points for c in busiest.cases] == [None, 1, 3, 1, None]
    assert [c.case.other for c in busiest.cases] == [False, False, False, False, True]


def test_a_locked_cell_before_the_next_exercise_is_no_step_of_this_one():
    data = "```{code-cell}\n:nbgrader: {grade_id: %s, solution: false, grade: false, locked: true, schema_version: 3}\n\n%s = 1\n```\n\n"
    chapter = changed(
        ("```{code-cell} ipython3\n:nbgrader: {grade_id: users_test", data % ("data_a", "a") + "```{code-cell} ipython3\n:nbgrader: {grade_id: users_test"),
        ("```{code-cell} ipython3\n:case: {of: users, right: \"a set\"}", data % ("data_b", "b") + "```{code-cell} ipython3\n:case: {of: users, right: \"a set\"}"),
    )  # fmt: skip
    assert [step.grade_id for step in chapter.exercises[0].steps] == ["data_a", "users_test"]


def test_stub_keeps_what_stands_outside_of_the_region():
    users, busiest = read_chapter(SOURCE).exercises
    assert stub(users.solution).split("\n")[0] == "def active_users(events):"
    assert stub(users.solution).split("\n")[2:] == ["    " + line for line in CODE_STUB.split("\n")]
    assert stub(busiest.solution) == CODE_STUB


def test_visible_part_ends_before_the_hidden_tests():
    users, busiest = read_chapter(SOURCE).exercises
    assert visible(users.tests[0]).endswith("check.visible_ok()")
    assert visible(busiest.tests[0]) == busiest.tests[0].source


@pytest.mark.parametrize(
    "flags", ["solution: true, grade: true, locked: false", "solution: false, grade: true, locked: false"]
)
def test_kinds_the_course_does_not_have_are_unknown(flags):
    chapter = changed(
        ("grade_id: users_test, solution: false, grade: true, locked: true", f"grade_id: users_test, {flags}")
    )
    assert [cell.grade_id for cell in chapter.of_kind("unknown")] == ["users_test"]


def test_windows_line_ends_and_byte_order_mark_change_nothing(tmp_path: Path):
    path = tmp_path / "ch98_tiny.md"
    path.write_bytes(("\ufeff" + TEXT.replace("\n", "\r\n")).encode("utf-8"))
    assert read_chapter(path).cells == read_chapter(SOURCE).cells


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (":case: {of: users, right: ", ":case: {of: [users, right: "),
        ('+++ {"lang": "en"}', '+++ {"lang": en}'),
        ("  minutes: 60", "  minutes: [60"),
    ],
)
def test_metadata_that_cannot_be_read_names_the_file(old, new):
    with pytest.raises(CourseError, match=r"ch98_tiny\.md: a cell's or the header's metadata"):
        changed((old, new))


def test_a_file_that_is_missing_or_not_utf8_is_told_in_a_sentence(tmp_path: Path):
    with pytest.raises(CourseError, match=r"There is no file .*ch07_gone.md"):
        read_chapter(tmp_path / "ch07_gone.md")
    path = tmp_path / "ch98_tiny.md"
    path.write_bytes("# 指标口径".encode("gb18030"))
    with pytest.raises(CourseError, match=r"is not UTF-8.*save it as UTF-8"):
        read_chapter(path)


def test_a_text_without_header_or_cells_is_read_and_left_to_the_lints():
    chapter = parse_chapter("", Path("ch01_empty.md"))
    assert (chapter.cells, chapter.header, chapter.points) == ((), {}, 0)


def test_chapters_are_what_is_named_like_one(tmp_path: Path):
    root = course(tmp_path / "course", 98, 97)
    (root / "solutions" / "README.md").write_text("notes", encoding="utf-8")
    assert [p.stem for p in chapter_paths(root)] == ["ch97_tiny", "ch98_tiny"]


def test_root_is_found_from_any_folder_below(tmp_path: Path):
    root = course(tmp_path / "course")
    below = root / "notebooks" / "en"
    below.mkdir(parents=True)
    assert find_root(below) == root.resolve()
    assert (find_root(tmp_path) / "autograder").is_dir()  # elsewhere: the course this package belongs to
