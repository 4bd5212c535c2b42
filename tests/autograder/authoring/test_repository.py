"""Which chapter a name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.authoring.repository import Repository, repository
from userops.errors import CourseError


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    (tmp_path / "solutions").mkdir()
    (tmp_path / "pyproject.toml").touch()
    for name in ("ch00_orientation", "ch01_metrics", "ch12_experiments", "ch14_churn_and_recall"):
        (tmp_path / "solutions" / f"{name}.md").touch()
    (tmp_path / "solutions" / "notes.md").touch()
    return Repository(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "ch01_metrics",
        "ch01",
        "1",
        "01",
        "metrics",
        "met",
        "CH01",
        " ch01-metrics ",
        "ch01_metrics.md",
        "chapter 1",
        "solutions/ch01_metrics.md",
        "solutions/ch01_metrics/",
    ],
)
def test_a_chapter_answers_to_many_names(repo: Repository, name: str) -> None:
    assert repo.chapter(name) == "ch01_metrics"


def test_ch1_is_chapter_one_and_not_the_start_of_twelve(repo: Repository) -> None:
    assert repo.chapter("ch1") == "ch01_metrics"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("metrix", "ch01_metrics"), ("orientatoin", "ch00_orientation"), ("recall", "ch14"), ("ch02", "ch0")],
)
def test_an_unknown_chapter_brings_the_nearest_one(repo: Repository, name: str, nearest: str) -> None:
    with pytest.raises(
        CourseError, match=rf"there is no chapter .*did you mean {nearest}.*All chapters: ch00_orientation, "
    ):
        repo.chapter(name)


def test_a_name_of_several_chapters_is_asked_back(repo: Repository) -> None:
    with pytest.raises(CourseError, match=r"could mean .*ch12_experiments or ch14_churn_and_recall"):
        repo.chapter("ch")


def test_an_empty_checkout_says_so(tmp_path: Path) -> None:
    (tmp_path / "solutions").mkdir()
    with pytest.raises(CourseError, match="no chapter in solutions"):
        Repository(tmp_path).chapter("ch01")


def test_the_checkout_is_found_from_any_folder_inside(repo: Repository) -> None:
    inside = repo.root / "notebooks" / "en" / "ch01_metrics"
    inside.mkdir(parents=True)
    assert repository(inside).root == repo.root.resolve()
    assert repo.notebook("ch01_metrics", "en").parent == inside


def test_the_data_can_be_elsewhere(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USEROPS_DATA", raising=False)
    assert repo.datasets == repo.root / "datasets"
    monkeypatch.setenv("USEROPS_DATA", "/elsewhere")
    assert repo.datasets == Path("/elsewhere")
