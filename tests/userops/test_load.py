"""Tables are found, read whole or by column, and everything that can go wrong is one sentence."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from userops import _load, load, sample, use_language
from userops.errors import CourseError


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small datasets folder, and the working directory two levels below."""
    data = tmp_path / "course" / "datasets"
    data.mkdir(parents=True)
    frame = pd.DataFrame(
        {
            "user_id": pd.array([1, 2, None], dtype="Int64"),
            "city": pd.array(["杭州", None, "成都"], dtype="str"),
            "ts": pd.to_datetime(["2025-01-01 08:00", None, "2025-01-02 00:00"]).astype("datetime64[us]"),
        }
    )
    frame.to_parquet(data / "users.parquet")
    frame.rename(columns={"user_id": "order_id"}).to_parquet(data / "orders.parquet")
    below = tmp_path / "course" / "notebooks" / "zh"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv("USEROPS_DATA", raising=False)
    return data


@pytest.mark.usefixtures("course")
def test_a_table_is_found_above_and_keeps_its_types() -> None:
    users = load("users")
    assert users.shape == (3, 3)
    assert [str(d) for d in users.dtypes] == ["Int64", "str", "datetime64[us]"]
    assert users.loc[2, "city"] == "成都"


def test_a_table_that_another_tool_wrote_has_the_same_types(course: Path) -> None:
    plain = pq.read_table(course / "users.parquet").replace_schema_metadata(None)
    plain = plain.set_column(0, "user_id", pa.array([1, 2**53 + 1, None], pa.int64()))
    plain = plain.set_column(2, "ts", plain.column("ts").cast(pa.timestamp("ns")))
    plain = plain.append_column("day", pa.array([None, dt.date(2025, 1, 1), None]))
    pq.write_table(plain, course / "users.parquet")
    users = load("users")
    assert [str(d) for d in users.dtypes] == ["Int64", "str", "datetime64[us]", "datetime64[us]"]
    assert users.loc[1, "user_id"] == 2**53 + 1


@pytest.mark.usefixtures("course")
def test_columns_come_in_the_order_asked_for() -> None:
    assert list(load("users", columns=["ts", "user_id"]).columns) == ["ts", "user_id"]
    assert str(load("users", columns=["user_id"])["user_id"].dtype) == "Int64"
    assert list(load("users", columns="city").columns) == ["city"]


@pytest.mark.usefixtures("course")
def test_each_call_gives_a_new_frame() -> None:
    first = load("users")
    first["user_id"] = 0
    assert load("users")["user_id"].tolist()[:2] == [1, 2]


def test_the_environment_names_the_folder(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    monkeypatch.setenv("USEROPS_DATA", str(course))
    assert len(load("orders")) == 3


@pytest.mark.usefixtures("course")
@pytest.mark.parametrize(("asked", "meant"), [("order", "orders"), ("Users", "users")])
def test_an_unknown_table_names_the_nearest(asked: str, meant: str) -> None:
    with pytest.raises(CourseError, match=f"no table '{asked}'. Did you mean '{meant}'"):
        load(asked)
    use_language("zh")
    with pytest.raises(CourseError, match=f"是不是“{meant}”"):
        load(asked)


@pytest.mark.usefixtures("course")
@pytest.mark.parametrize("asked", ["zzzz", "../datasets/users", "", None, 3])
def test_an_unlike_name_lists_the_tables(asked: object) -> None:
    with pytest.raises(CourseError, match="The tables are: orders, users"):
        load(asked)  # type: ignore[arg-type]


@pytest.mark.usefixtures("course")
def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(CourseError, match=r"no column 'userid'\. Did you mean 'user_id'"):
        load("users", columns=["userid"])


def test_a_broken_file_says_how_to_restore_it(course: Path) -> None:
    (course / "orders.parquet").write_text("not parquet", encoding="utf-8")
    with pytest.raises(CourseError, match="git checkout datasets"):
        load("orders")


def test_no_folder_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("USEROPS_DATA", raising=False)
    monkeypatch.setattr(_load, "__file__", str(tmp_path / "site" / "userops" / "_load.py"))
    with pytest.raises(CourseError, match="No datasets folder here or above"):
        load("users")


def test_a_wrong_folder_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USEROPS_DATA", str(tmp_path))
    with pytest.raises(CourseError, match="USEROPS_DATA is set to"):
        load("users")


@pytest.fixture
def _sample_dataset(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """A stand-in for the generator that notes each call."""
    calls: list[tuple[int, int]] = []

    def company(*, users: int, seed: int) -> dict[str, pd.DataFrame]:
        calls.append((users, seed))
        return {
            "users": pd.DataFrame({"user_id": range(users)}),
            "orders": pd.DataFrame({"order_id": [seed]}),
        }

    monkeypatch.setattr("userops.simulate.sample_dataset", company)
    _load._sample_dataset.cache_clear()
    return calls


def test_a_sample_is_made_once_and_copied_out(_sample_dataset: list[tuple[int, int]]) -> None:
    first = sample("users", seed=7)
    first["user_id"] = -1
    assert sample("users", seed=7)["user_id"].min() == 0
    assert sample("orders", seed=7)["order_id"].tolist() == [7]
    assert len(sample("users", seed=8, users=50)) == 50
    assert _sample_dataset == [(400, 7), (50, 8)]
    _load._sample_dataset.cache_clear()


@pytest.mark.usefixtures("_sample_dataset")
def test_a_sample_of_an_unknown_table() -> None:
    with pytest.raises(CourseError, match=r"no table 'user'\. Did you mean 'users'"):
        sample("user", seed=7)
    _load._sample_dataset.cache_clear()
