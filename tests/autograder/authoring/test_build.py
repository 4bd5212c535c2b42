"""Building the editions: equal to nbgrader's own release, deterministic, atomic, and careful with answers."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import compute_checksum
from tiny import SOURCE, TEXT, changed, course, line_of

from autograder import cli
from autograder.authoring import build as building
from autograder.authoring import edition as editing
from autograder.authoring.build import build
from autograder.authoring.chapter import CODE_STUB, TEXT_STUB, read_chapter
from autograder.authoring.edition import SourceError, edition, render
from autograder.authoring.repository import notebook_path
from autograder.commands import build as command
from userops.errors import CourseError

LANGUAGES = ("en", "zh")


@pytest.fixture
def chapter():
    return read_chapter(SOURCE)


def code(notebook):
    return {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "code"}


def graded(notebook):
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


# --- what an edition holds


def test_an_edition_keeps_its_own_prose(chapter):
    for lang, mine, other in (("en", "A tiny chapter", "极小"), ("zh", "极小的一章", "Monday")):
        text = "\n".join(
            c.source for c in edition(chapter, lang, release=True).cells if c.cell_type == "markdown"
        )
        assert mine in text
        assert other not in text


def test_editions_differ_in_code_by_the_first_cell_alone(chapter):
    for release in (True, False):
        en, zh = (code(edition(chapter, lang, release=release)) for lang in LANGUAGES)
        assert [key for key in en if en[key] != zh[key]] == ["language"]
        assert list(en) == list(zh)
    assert en["language"].endswith('use_language("en", "ch98_tiny")')
    assert zh["language"].endswith('use_language("zh", "ch98_tiny")')


def test_the_first_cell_cannot_be_edited_and_is_not_graded(chapter):
    first = edition(chapter, "zh", release=True).cells[0]
    assert dict(first.metadata) == {"deletable": False, "editable": False}


def test_cells_correspond_in_both_editions(chapter):
    en, zh = ([c.id for c in edition(chapter, lang, release=True).cells] for lang in LANGUAGES)
    assert en == zh
    assert len(set(en)) == len(en)
    assert {"setup", "users", "users_test", "memo"} <= set(en)


def test_a_new_paragraph_moves_only_the_ids_up_to_the_next_graded_cell(chapter):
    before = {c.id: c.source for c in edition(chapter, "en", release=True).cells}
    pair = '+++ {"lang": "en"}\n\nNew.\n\n+++ {"lang": "zh"}\n\n新的一段。\n\n'
    after = {c.id: c.source for c in edition(changed(('+++ {"lang": "en"}\n\nAn event', pair + '+++ {"lang": "en"}\n\nAn event')), "en", release=True).cells}  # fmt: skip
    moved = {key for key in after if after[key] != before.get(key)}
    assert moved == {"setup--1", "setup--2", "setup--3", "setup--4"}


def test_the_learner_gets_stubs_and_no_hidden_tests_or_cases(chapter):
    for lang in LANGUAGES:
        cells = graded(edition(chapter, lang, release=True))
        assert cells["busiest"].source == CODE_STUB
        assert cells["users"].source.startswith('def active_users(events):\n    """Return')
        assert cells["users"].source.endswith("    raise NotImplementedError()")
        assert cells["memo"].source == TEXT_STUB
        assert cells["users_test"].source.endswith("check.visible_ok()")
        text = render(edition(chapter, lang, release=True))
        for secret in (
            "HIDDEN",
            "SOLUTION",
            "nunique())",
            "drop_duplicates",
            "Show two people",
            "日报应写",
            '"case"',
        ):
            assert secret not in text, secret


def test_the_instructor_gets_solutions_and_hidden_tests_but_no_cases(chapter):
    cells = graded(edition(chapter, "en", release=False))
    assert "### BEGIN SOLUTION" in cells["users"].source
    assert "### BEGIN HIDDEN TESTS" in cells["users_test"].source
    assert "Show two people" in cells["memo"].source
    assert "日报应写" in cells["memo"].source
    text = render(edition(chapter, "en", release=False))
    assert "drop_duplicates" not in text
    assert '"lang": "both"' not in text


def test_markdown_inside_one_line_hints_becomes_html(chapter):
    text = "\n".join(
        c.source for c in edition(chapter, "en", release=True).cells if c.cell_type == "markdown"
    )
    assert (
        "<details><summary>Hint 1</summary>One person who comes twice is <em>one</em> user.</details>" in text
    )
    assert "<summary>Hint 2</summary><code>nunique()</code> counts" in text
    assert "Write `active_users(events)`" in text  # elsewhere Markdown stays Markdown


def test_code_in_a_hint_is_escaped():
    hint = "<details><summary>Hint 1</summary>**If** `a < b & 2 * c * d`, <code>f(*a, *b)</code>.</details>"
    html = editing._render_details(hint)
    assert "<strong>If</strong> <code>a &lt; b &amp; 2 * c * d</code>, <code>f(*a, *b)</code>." in html


def test_the_blank_line_after_a_hint_stays():
    # Without it the heading would belong to the HTML block and show its hashes.
    text = "<details><summary>Answer</summary>Two of *six*.</details>\n\n### Exercise 1.2 · Next"
    assert editing._render_details(text).endswith("<em>six</em>.</details>\n\n### Exercise 1.2 · Next")


def test_locks_and_checksums_are_nbgraders(chapter):
    notebook = edition(chapter, "zh", release=True)
    for grade_id, cell in graded(notebook).items():
        assert cell.metadata.nbgrader.checksum == compute_checksum(cell), grade_id
        assert cell.metadata.deletable is False
    assert all(graded(notebook)[key].metadata.editable is False for key in ("setup", "users_test"))
    assert "editable" not in graded(notebook)["users"].metadata


def test_notebooks_are_valid_and_without_outputs(chapter):
    for lang in LANGUAGES:
        for release in (True, False):
            notebook = nbformat.reads(render(edition(chapter, lang, release=release)), as_version=4)
            nbformat.validate(notebook)
            MetadataValidator().validate_nb(notebook)
            assert all(
                not c.outputs and c.execution_count is None for c in notebook.cells if c.cell_type == "code"
            )


def test_equal_sources_give_equal_bytes(chapter):
    text = render(edition(chapter, "zh", release=True))
    assert text == render(edition(read_chapter(SOURCE), "zh", release=True))
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert json.dumps(json.loads(text), sort_keys=True, indent=1, ensure_ascii=False) + "\n" == text


def test_the_release_is_what_stock_nbgrader_would_release(chapter, tmp_path):
    """A real ``nbgrader generate_assignment``, configured with nothing but the stubs."""
    for lang in LANGUAGES:
        source = tmp_path / "source" / f"tiny_{lang}" / "ch98_tiny.ipynb"
        source.parent.mkdir(parents=True)
        source.write_text(render(edition(chapter, lang, release=False)), encoding="utf-8")
    config = (
        "c = get_config()\n"
        f"c.ClearSolutions.code_stub = {{'python': {CODE_STUB!r}}}\n"
        f"c.ClearSolutions.text_stub = {TEXT_STUB!r}\n"
    )
    (tmp_path / "nbgrader_config.py").write_text(config, encoding="utf-8")
    bin_folder = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",  # nbgrader starts alembic by name
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "HOME": str(tmp_path),
    }
    for lang in LANGUAGES:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", "generate_assignment", f"tiny_{lang}"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        released = tmp_path / "release" / f"tiny_{lang}" / "ch98_tiny.ipynb"
        assert released.read_bytes().decode("utf-8") == render(edition(chapter, lang, release=True))


def test_an_unknown_language_is_refused(chapter):
    with pytest.raises(ValueError, match="unknown language 'fr'"):
        edition(chapter, "fr", release=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    ### END SOLUTION\n", "", "nbgrader cannot release it: no end solution"),
        ("grade_id: busiest_test", "grade_id: users_test", "two cells would have the id 'users_test'"),
        ("grade_id: busiest_test", 'grade_id: "users test"', "not a valid nbgrader notebook"),
        ("points: 4, ", "", "not a valid nbgrader notebook: .*does not have points"),
    ],
)
def test_what_nbgrader_refuses_is_told_with_the_chapters_name(old, new, message):
    with pytest.raises(CourseError, match=rf"(?s)ch98_tiny: .*{message}"):
        edition(changed((old, new)), "en", release=True)


# --- building a folder


def files(root: Path) -> dict[str, bytes]:
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in sorted((root / "notebooks").rglob("*"))
        if p.is_file()
    }


def test_build_writes_every_chapter_in_both_languages(tmp_path):
    root = course(tmp_path / "course", 97, 98)
    report = build(root)
    assert sorted(report.written) == sorted(files(root)) == [
        f"notebooks/{lang}/{name}/{name}.ipynb" for lang in LANGUAGES for name in ("ch97_tiny", "ch98_tiny")
    ]  # fmt: skip
    assert sorted(p.name for p in root.iterdir()) == ["notebooks", "pyproject.toml", "solutions"]
    again = build(root)
    assert (again.written, again.removed, sorted(again.unchanged)) == ([], [], sorted(report.written))


def test_build_of_one_chapter_leaves_the_others_alone(tmp_path):
    root = course(tmp_path / "course", 97, 98)
    assert [Path(p).stem for p in build(root, only=["ch97"]).written] == ["ch97_tiny", "ch97_tiny"]
    build(root)
    (root / "solutions" / "ch98_tiny.md").unlink()
    assert build(root, only=["ch97"]).removed == []
    assert notebook_path(root, "ch98_tiny", "zh").exists()


def test_an_error_leaves_the_last_good_notebooks(tmp_path):
    root = course(tmp_path / "course", 97, 98)
    build(root)
    before = files(root)
    first, second = (root / "solutions" / f"ch{n}_tiny.md" for n in (97, 98))
    first.write_text(
        first.read_text(encoding="utf-8").replace("People, not events.", "People."), encoding="utf-8"
    )
    second.write_text(second.read_text(encoding="utf-8").replace("points: 4, ", ""), encoding="utf-8")
    with pytest.raises(SourceError, match="points"):
        build(root)
    assert files(root) == before
    assert sorted(p.name for p in root.iterdir()) == ["notebooks", "pyproject.toml", "solutions"]


def test_a_crash_while_writing_leaves_the_last_good_notebooks(tmp_path, monkeypatch):
    root = course(tmp_path / "course", 97, 98)
    build(root)
    before = files(root)
    for path in (root / "solutions").iterdir():
        path.write_text(path.read_text(encoding="utf-8").replace("week", "days"), encoding="utf-8")
    written, write = [], Path.write_bytes

    def full_disk(path, data):
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(write(path, data))

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(CourseError, match=r"cannot be written.*No space left"):
        build(root)
    monkeypatch.undo()
    assert files(root) == before
    assert sorted(p.name for p in root.iterdir()) == ["notebooks", "pyproject.toml", "solutions"]


def test_the_notebook_of_a_chapter_that_is_gone_is_removed_and_nothing_else(tmp_path):
    root = course(tmp_path / "course", 97, 98)
    build(root)
    notes = notebook_path(root, "ch98_tiny", "en").with_name("ch98_tiny_mine.ipynb")
    notes.write_text("{}", encoding="utf-8")
    mine = root / "notebooks" / "en" / "mine.ipynb"
    mine.write_text("{}", encoding="utf-8")
    (root / "solutions" / "ch98_tiny.md").unlink()
    assert sorted(build(root, check=True).stale) == [
        f"notebooks/{lang}/ch98_tiny/ch98_tiny.ipynb" for lang in LANGUAGES
    ]
    assert sorted(build(root).removed) == [
        f"notebooks/{lang}/ch98_tiny/ch98_tiny.ipynb" for lang in LANGUAGES
    ]
    assert notes.exists()
    assert mine.exists()
    assert not (root / "notebooks" / "zh" / "ch98_tiny").exists()
    assert notebook_path(root, "ch97_tiny", "zh").exists()


def test_an_empty_solutions_folder_removes_nothing(tmp_path):
    root = course(tmp_path / "course")
    build(root)
    (root / "solutions" / "ch98_tiny.md").unlink()
    with pytest.raises(CourseError, match="There is no chapter in"):
        build(root)
    assert len(files(root)) == 2


def test_check_says_what_is_stale_and_changes_nothing(tmp_path):
    root = course(tmp_path / "course")
    assert set(build(root, check=True).stale.values()) == {"it has not been built"}
    assert not (root / "notebooks").exists()
    build(root)
    assert build(root, check=True).stale == {}
    path = root / "solutions" / "ch98_tiny.md"
    path.write_text(TEXT.replace("People, not events.", "People."), encoding="utf-8")
    before = files(root)
    stale = build(root, check=True).stale
    assert list(stale) == ["notebooks/en/ch98_tiny/ch98_tiny.ipynb"]
    assert '-    "People, not events."' in stale["notebooks/en/ch98_tiny/ch98_tiny.ipynb"]
    assert '+    "People."' in stale["notebooks/en/ch98_tiny/ch98_tiny.ipynb"]
    assert files(root) == before


def test_a_long_difference_is_cut(tmp_path):
    root = course(tmp_path / "course")
    build(root)
    path = notebook_path(root, "ch98_tiny", "en")
    path.write_text("x\n" * 500, encoding="utf-8")
    why = build(root, check=True).stale["notebooks/en/ch98_tiny/ch98_tiny.ipynb"]
    assert len(why.split("\n")) == 13
    assert why.endswith("more lines")


def test_answers_are_not_overwritten_unless_asked(tmp_path):
    root = course(tmp_path / "course")
    build(root)
    path = notebook_path(root, "ch98_tiny", "zh")
    notebook = nbformat.read(path, as_version=4)
    graded(notebook)["users"].source = "def active_users(events):\n    return 2"
    nbformat.write(notebook, path)
    mine = path.read_bytes()
    with pytest.raises(CourseError, match=r"written answers in notebooks/zh/ch98_tiny/ch98_tiny\.ipynb"):
        build(root)
    assert path.read_bytes() == mine
    assert build(root, overwrite=True).written == ["notebooks/zh/ch98_tiny/ch98_tiny.ipynb"]


def test_a_notebook_that_was_only_run_is_built_again(tmp_path):
    root = course(tmp_path / "course")
    build(root)
    path = notebook_path(root, "ch98_tiny", "zh")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].execution_count = 3
    nbformat.write(notebook, path)
    assert build(root).written == ["notebooks/zh/ch98_tiny/ch98_tiny.ipynb"]


def test_a_broken_file_in_a_notebooks_place_is_replaced(tmp_path):
    root = course(tmp_path / "course")
    build(root)
    notebook_path(root, "ch98_tiny", "en").write_bytes(b"\xff not a notebook")
    notebook_path(root, "ch98_tiny", "zh").write_text("{}", encoding="utf-8")
    assert len(build(root).written) == 2


def test_warnings_are_reported_and_stop_a_strict_build(tmp_path):
    root = course(tmp_path / "course")
    path = root / "solutions" / "ch98_tiny.md"
    path.write_text(TEXT.replace("每条事件都有", "每条event都有"), encoding="utf-8")
    assert "spacing" in build(root).warnings[0]
    with pytest.raises(SourceError, match="spacing"):
        build(root, strict=True)


# --- the command


@pytest.fixture
def here(tmp_path, monkeypatch):
    root = course(tmp_path / "course")
    monkeypatch.chdir(root)
    return root


def test_command_builds_then_says_that_all_is_fresh(here, capsys):
    assert cli.main(["build"]) == 0
    assert "built notebooks/en/ch98_tiny/ch98_tiny.ipynb" in capsys.readouterr().out
    assert cli.main(["build", "--check"]) == 0
    assert "2 notebook(s) are fresh" in capsys.readouterr().out
    assert cli.main(["build", "ch98"]) == 0
    assert "2 notebook(s) were up to date" in capsys.readouterr().out


def test_command_exits_with_1_when_stale_and_2_when_the_source_is_bad(here, capsys):
    assert cli.main(["build", "--check"]) == 1
    assert "run `userops build`" in capsys.readouterr().out
    path = here / "solutions" / "ch98_tiny.md"
    path.write_text(TEXT.replace("points: 4, ", "", 1).replace("minutes: 60", "minutes: 1"), encoding="utf-8")
    assert cli.main(["build"]) == 2
    said = capsys.readouterr().err
    assert "3 place(s) to mend before" in said
    line = line_of(TEXT, "week = pd")
    assert f"solutions/ch98_tiny.md:{line}: points: a graded cell needs `points` (users_test)" in said
    assert cli.main(["build", "ch05"]) == 2
    assert "there is no chapter “ch05”" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["ch98", "98", "tiny", "ch98_tiny", "solutions/ch98_tiny.md"])
def test_command_knows_a_chapter_by_every_name_that_the_other_commands_know(here, capsys, name):
    assert cli.main(["build", name]) == 0
    assert "built notebooks/en/ch98_tiny/ch98_tiny.ipynb" in capsys.readouterr().out


def test_command_prints_json_for_scripts(here, capsys):
    assert cli.main(["build", "--check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["stale"] == {
        f"notebooks/{lang}/ch98_tiny/ch98_tiny.ipynb": "it has not been built" for lang in LANGUAGES
    }
    path = here / "solutions" / "ch98_tiny.md"
    path.write_text(TEXT.replace("points: 4, ", "", 1), encoding="utf-8")
    assert cli.main(["build", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert {p["rule"] for p in told["problems"]} == {"points", "score"} or told["problems"][0][
        "rule"
    ] == "points"


def test_command_has_an_example(capsys):
    with pytest.raises(SystemExit):
        cli.main(["build", "--help"])
    assert "Example: userops build ch04" in capsys.readouterr().out
    command.add_arguments(argparse.ArgumentParser())


def test_a_folder_that_cannot_be_written_is_told(here, capsys, monkeypatch):
    def read_only(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(building.tempfile, "TemporaryDirectory", read_only)
    assert cli.main(["build"]) == 2
    assert "cannot be written to" in capsys.readouterr().err
