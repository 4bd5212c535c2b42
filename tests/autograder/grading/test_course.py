"""``userops course`` makes a course that nbgrader can grade, and never loses anybody's work."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateAssignment
from small_course import make_small_course
from sqlalchemy.exc import SAWarning

from autograder import cli
from autograder.authoring.chapter import CODE_STUB, TEXT_STUB
from autograder.authoring.edition import nbgrader_config
from autograder.authoring.repository import Repository
from autograder.grading import course
from autograder.grading.course import Made, make_course, nbgrader_settings
from autograder.nbgrader_plugins.preprocessors import stamp
from userops.errors import CourseError


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkout with its course, in English."""
    repo = make_small_course(tmp_path_factory.mktemp("small") / "repo")
    make_course(repo, repo.root / "course", "en")
    return repo.root


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Repository:
    """A copy of the checkout to spoil."""
    return Repository(Path(shutil.copytree(template, tmp_path / "repo")))


def folder(repo: Repository) -> Path:
    return repo.root / "course"


def gradebook(repo: Repository) -> Gradebook:
    return Gradebook(f"sqlite:///{folder(repo) / 'gradebook.db'}", "userops")


def hand_in(repo: Repository) -> None:
    """Zhang San has handed in chapter 1, has been graded, and has 1.5 points by hand for her memo."""
    for step in ("submitted", "autograded"):
        path = folder(repo) / step / "zhangsan" / "ch01_small"
        path.mkdir(parents=True)
        (path / "ch01_small.ipynb").write_text("{}", encoding="utf-8")
    with gradebook(repo) as book:
        book.add_student("zhangsan")
        with warnings.catch_warnings():
            # nbgrader and SQLAlchemy 2 are not quite at one about the order of its inserts.
            warnings.simplefilter("ignore", SAWarning)
            book.add_submission("ch01_small", "zhangsan")
        for name, auto, manual in (("people_test", 2.0, None), ("memo", None, 1.5)):
            grade = book.find_grade(name, "ch01_small", "ch01_small", "zhangsan")
            grade.auto_score, grade.manual_score = auto, manual
        book.db.commit()


def grades(repo: Repository) -> dict[str, float]:
    with gradebook(repo) as book:
        submission = book.find_submission("ch01_small", "zhangsan")
        return {grade.name: grade.score for notebook in submission.notebooks for grade in notebook.grades}


def edit(repo: Repository, old: str, new: str) -> None:
    """Change the source of chapter 1."""
    path = repo.source("ch01_small")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def tree(root: Path) -> dict[str, str]:
    """Every file's contents: equal before and after means that nothing was touched."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def again(repo: Repository, *, lang: str = "en", replace: bool = False) -> dict[str, str]:
    return {made.chapter: made.state for made in make_course(repo, folder(repo), lang, replace=replace)}


# ------------------------------------------------------------------------------------------ made


def test_source_gradebook_and_release_are_made(tmp_path: Path) -> None:
    repo = make_small_course(tmp_path / "repo")
    made = make_course(repo, folder(repo), "zh", ["small"])
    assert made == [Made("ch01_small", "made", 8.0)]
    source = (folder(repo) / "source/ch01_small/ch01_small.ipynb").read_text(encoding="utf-8")
    assert "SECRET_FRAME" in source
    assert "练习 1.1" in source
    assert not (folder(repo) / "source/ch02_other").exists()
    with gradebook(repo) as book:
        cells = book.find_notebook("ch01_small", "ch01_small").grade_cells
        assert {cell.name: cell.max_score for cell in cells} == {"people_test": 2, "pair_test": 3, "memo": 3}


@pytest.mark.parametrize("chapter", ["ch01_small", "ch02_other"])
def test_the_release_is_what_the_build_makes(repo: Repository, chapter: str) -> None:
    released = nbformat.read(folder(repo) / f"release/{chapter}/{chapter}.ipynb", as_version=4)
    built = nbformat.read(repo.notebook(chapter, "en"), as_version=4)
    assert released.cells == built.cells


def test_released_cells_of_both_languages_are_the_same_to_nbgrader(repo: Repository) -> None:
    def graded(lang: str) -> list[tuple[object, str]]:
        cells = nbformat.read(repo.notebook("ch01_small", lang), as_version=4).cells
        return [(cell.metadata.nbgrader, cell.source) for cell in cells if "nbgrader" in cell.metadata]

    assert len(graded("en")) == 6
    assert graded("en") == graded("zh")


def test_nothing_hidden_is_released(repo: Repository) -> None:
    for path in (folder(repo) / "release").rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "SECRET_FRAME" not in text
            assert "MODEL ANSWER" not in text
            assert "nunique" not in text


def test_the_configuration_holds_the_builds_stubs_and_no_more_is_shown_than_needed(repo: Repository) -> None:
    before = dict(os.environ)
    with nbgrader_settings(repo, folder(repo)) as config:
        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert os.environ["USEROPS_DATA"] == before.get("USEROPS_DATA", str(repo.datasets))
    assert dict(os.environ) == before
    assert config.ClearSolutions == nbgrader_config().ClearSolutions
    assert config.ClearSolutions.code_stub == {"python": CODE_STUB}
    assert config.ClearSolutions.text_stub == TEXT_STUB
    assert config.FormgradeExtension.debug is False
    assert config.CourseDirectory.root == str(folder(repo))
    assert config.Exchange.root == str(folder(repo) / "exchange")


def test_another_folder_can_be_named_by_option_or_environment(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USEROPS_COURSE", str(tmp_path / "spring"))
    assert course.course_folder(repo) == tmp_path / "spring"
    assert course.course_folder(repo, tmp_path / "autumn") == tmp_path / "autumn"
    make_course(repo, tmp_path / "autumn", "en", ["ch02"])
    assert (tmp_path / "autumn/release/ch02_other/ch02_other.ipynb").is_file()
    assert (tmp_path / "autumn/gradebook.db").is_file()
    assert not (tmp_path / "spring").exists()


# ------------------------------------------------------------------------------------------ refreshed


def test_a_second_run_touches_nothing(repo: Repository) -> None:
    hand_in(repo)
    before = tree(folder(repo))
    assert again(repo) == {"ch01_small": "unchanged", "ch02_other": "unchanged"}
    assert tree(folder(repo)) == before


def released(repo: Repository) -> str:
    return (folder(repo) / "release/ch01_small/ch01_small.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("One morning.", "One evening."),
        ('return events["user_id"].nunique()', 'return len(set(events["user_id"]))'),
        ("MODEL ANSWER: two", "MODEL ANSWER: 2"),
    ],
    ids=["prose", "reference solution", "model answer"],
)
def test_what_grades_do_not_depend_on_is_refreshed_under_graded_work(
    repo: Repository, old: str, new: str
) -> None:
    hand_in(repo)
    before = grades(repo)
    edit(repo, old, new)
    assert again(repo) == {"ch01_small": "refreshed", "ch02_other": "unchanged"}
    assert grades(repo) == before == {"people_test": 2.0, "pair_test": 0.0, "memo": 1.5}
    source = nbformat.read(folder(repo) / "source/ch01_small/ch01_small.ipynb", as_version=4)
    assert any(new in cell.source for cell in source.cells)


def test_the_language_can_change_under_graded_work(repo: Repository) -> None:
    hand_in(repo)
    before = grades(repo)
    assert again(repo, lang="zh")["ch01_small"] == "refreshed"
    assert "一个上午" in released(repo)
    assert grades(repo) == before
    assert course.course_language(folder(repo)) == "zh"


def test_an_instructors_own_source_is_kept_when_it_is_replaced(repo: Repository) -> None:
    path = folder(repo) / "source/ch01_small/ch01_small.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("One morning.", "My words."), encoding="utf-8")
    assert again(repo)["ch01_small"] == "refreshed"
    (kept,) = (folder(repo) / "backup").glob("*/source/ch01_small/ch01_small.ipynb")
    assert "My words." in kept.read_text(encoding="utf-8")
    assert "My words." not in path.read_text(encoding="utf-8")


def test_without_handed_in_work_a_changed_test_is_simply_refreshed(repo: Repository) -> None:
    edit(repo, "points: 2,", "points: 4,")
    assert again(repo)["ch01_small"] == "refreshed"
    with gradebook(repo) as book:
        assert book.find_assignment("ch01_small").max_score == 10


# ------------------------------------------------------------------------------------------ refused

CHANGES = {
    "hidden test": ("[7, 8, 9, 9]", "[7, 8, 9]"),
    "points": ("points: 2,", "points: 4,"),
    "set-up": ("from userops import check, t", "from userops import check, load, t"),
    "stub": ('"""Number of different users."""', '"""Count users."""'),
    "cell renamed": ("people_test", "folk_test"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_grading_under_handed_in_work_is_refused_and_nothing_is_touched(
    repo: Repository, change: str
) -> None:
    hand_in(repo)
    edit(repo, *CHANGES[change])
    before = tree(folder(repo))
    with pytest.raises(CourseError, match=r"ch01_small: work has been .*--course-dir.*--replace"):
        again(repo)
    assert tree(folder(repo)) == before


@pytest.mark.parametrize(
    "place", ["submitted/li/ch01_small", "exchange/userops/inbound/li+ch01_small+2026-11-21 00:00:00 UTC+x"]
)
def test_work_that_nobody_has_graded_yet_counts(repo: Repository, place: str) -> None:
    (folder(repo) / place).mkdir(parents=True)
    edit(repo, *CHANGES["points"])
    with pytest.raises(CourseError, match="work has been handed in"):
        again(repo)


def test_work_in_another_chapter_is_in_nobodys_way(repo: Repository) -> None:
    (folder(repo) / "submitted/li/ch02_other").mkdir(parents=True)
    edit(repo, *CHANGES["points"])
    assert again(repo) == {"ch01_small": "refreshed", "ch02_other": "unchanged"}


def test_replace_keeps_a_backup_manual_scores_and_what_was_handed_in(repo: Repository) -> None:
    hand_in(repo)
    edit(repo, *CHANGES["hidden test"])
    assert again(repo, replace=True)["ch01_small"] == "remade"
    (backup,) = (folder(repo) / "backup").iterdir()
    assert (backup / "autograded/zhangsan/ch01_small/ch01_small.ipynb").is_file()
    with Gradebook(f"sqlite:///{backup / 'gradebook.db'}", "userops") as old:
        assert old.find_submission("ch01_small", "zhangsan").score == 3.5
        assert "[7, 8, 9, 9]" in old.find_source_cell("people_test", "ch01_small", "ch01_small").source
    assert grades(repo)["memo"] == 1.5
    with gradebook(repo) as book:
        assert "[7, 8, 9]" in book.find_source_cell("people_test", "ch01_small", "ch01_small").source
    assert (folder(repo) / "submitted/zhangsan/ch01_small/ch01_small.ipynb").is_file()
    assert not (folder(repo) / "autograded/zhangsan/ch01_small").exists()  # so that it is graded again


def test_replace_can_change_the_cells_themselves(repo: Repository) -> None:
    hand_in(repo)
    edit(repo, *CHANGES["cell renamed"])
    assert again(repo, replace=True)["ch01_small"] == "remade"
    with gradebook(repo) as book:
        names = {cell.name for cell in book.find_notebook("ch01_small", "ch01_small").grade_cells}
        assert names == {"folk_test", "pair_test", "memo"}
        assert book.find_assignment("ch01_small").submissions == []
    (backup,) = (folder(repo) / "backup").iterdir()
    with Gradebook(f"sqlite:///{backup / 'gradebook.db'}", "userops") as old:
        assert old.find_submission("ch01_small", "zhangsan").score == 3.5


def test_a_release_that_cannot_be_made_leaves_the_last_one(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: GenerateAssignment) -> None:
        shutil.rmtree(folder(repo) / "release/ch01_small")
        raise RuntimeError("no luck")

    monkeypatch.setattr(GenerateAssignment, "start", fail)
    before = released(repo)
    edit(repo, "One morning.", "One evening.")
    with pytest.raises(CourseError, match="nbgrader could not make ch01_small: RuntimeError: no luck"):
        again(repo)
    assert released(repo) == before
    assert not list(folder(repo).glob(".release-*"))


# ------------------------------------------------------------------------------------------ bad input


def spoil_foreign(root: Path) -> None:
    root.mkdir()
    (root / "thesis.docx").touch()


def spoil_file(root: Path) -> None:
    root.touch()


def spoil_database(root: Path) -> None:
    root.mkdir()
    (root / "gradebook.db").write_text(
        "not a database, but long enough to be looked at" * 40, encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_foreign, "holds other things, and no course: choose an empty folder with --course-dir"),
        (spoil_file, "cannot be written .*choose another folder with --course-dir"),
        (spoil_database, "gradebook of .* cannot be used .*backup"),
    ],
)
def test_a_folder_that_cannot_be_a_course_is_refused(
    repo: Repository, tmp_path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(tmp_path / "place")
    with pytest.raises(CourseError, match=sentence):
        make_course(repo, tmp_path / "place", "en")


def test_a_read_only_folder_is_refused(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Permissions do not stop root, who runs the tests in a container.
    monkeypatch.setattr(course.tempfile, "TemporaryFile", refuse)
    with pytest.raises(CourseError, match=r"cannot be written \(Permission denied\)"):
        again(repo)


def test_an_unknown_chapter_is_refused_before_anything_is_made(repo: Repository, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="did you mean ch01_small"):
        make_course(repo, tmp_path / "new", "en", ["ch01", "smal1"])
    assert not (tmp_path / "new").exists()


def test_a_checkout_without_nbgraders_settings_says_so(repo: Repository) -> None:
    (repo.root / "nbgrader_config.py").unlink()
    with pytest.raises(CourseError, match=r"no nbgrader_config\.py"):
        again(repo)


# ------------------------------------------------------------------------------------------ command line


def test_the_command_says_what_it_did_and_what_comes_next(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repo.root)
    monkeypatch.delenv("USEROPS_COURSE", raising=False)
    edit(repo, "One morning.", "One evening.")
    assert cli.main(["course", "small"]) == 0
    said = capsys.readouterr().out
    assert "refreshed  ch01_small  (8 points)" in said
    assert "nbgrader release_assignment ch01_small" in said
    assert "--force" not in said
    (folder(repo) / "exchange/userops/outbound/ch01_small").mkdir(parents=True)
    edit(repo, "One evening.", "One night.")
    assert cli.main(["course"]) == 0
    assert "nbgrader release_assignment ch01_small --force" in capsys.readouterr().out


def test_the_command_prints_json_and_keeps_the_language(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repo.root)
    monkeypatch.delenv("USEROPS_COURSE", raising=False)
    again(repo, lang="zh")
    assert cli.main(["course", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["lang"] == "zh"
    assert [(c["chapter"], c["state"], c["points"]) for c in result["chapters"]] == [
        ("ch01_small", "unchanged", 8.0),
        ("ch02_other", "unchanged", 1.0),
    ]


def test_a_refusal_exits_with_two_and_one_sentence(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repo.root)
    assert cli.main(["course", "nothing"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("userops course: there is no chapter")
    assert error.count("\n") == 1


# ------------------------------------------------------------------------------------------ timestamps


def test_a_submission_without_a_timestamp_gets_the_time_it_was_saved(tmp_path: Path) -> None:
    notebook = tmp_path / "ch01_small.ipynb"
    notebook.write_text("{}", encoding="utf-8")
    stamp(assignment="ch01_small", student="*", notebooks=[str(notebook)])
    text = (tmp_path / "timestamp.txt").read_text(encoding="utf-8")
    assert text.endswith(" UTC\n")
    stamp(notebooks=[str(notebook)])
    assert (tmp_path / "timestamp.txt").read_text(encoding="utf-8") == text


def test_a_timestamp_from_the_exchange_stays(tmp_path: Path) -> None:
    (tmp_path / "ch01_small.ipynb").touch()
    (tmp_path / "timestamp.txt").write_text("2026-11-21 08:00:00 UTC", encoding="utf-8")
    stamp(notebooks=[str(tmp_path / "ch01_small.ipynb")])
    assert (tmp_path / "timestamp.txt").read_text(encoding="utf-8") == "2026-11-21 08:00:00 UTC"
