"""The interviews: drawn from a company's regulars, on working days, and told as they were planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from userops import load
from userops.lessons import personas
from userops.lessons.habits import MIN_VISITS
from userops.simulate import interviews as drawn
from userops.simulate import sample_dataset
from userops.simulate.block import make_block
from userops.simulate.catalogue import catalogue
from userops.simulate.people import adverts


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return sample_dataset(1_000, 3)


def test_the_interviewed_are_in_the_wide_table(tables: dict[str, pd.DataFrame]) -> None:
    assert drawn.MIN_VISITS == MIN_VISITS
    wide = personas.wide_table(tables["events"], tables["products"], before=str(drawn.SNAPSHOT))
    asked = tables["interviews"]["user_id"]
    assert asked.isin(wide.index).all()
    assert asked.is_unique
    assert asked.is_monotonic_increasing
    assert len(asked) == 20
    assert asked.diff().median() < 100  # drawn from all of them, not from the first


def test_calls_are_made_on_working_days(tables: dict[str, pd.DataFrame]) -> None:
    days = tables["interviews"]["interviewed_on"]
    assert days.between("2025-12-08", "2025-12-26").all()
    assert (days.dt.day_of_week < 5).all()
    assert (days == days.dt.normalize()).all()
    assert days.nunique() > 5


def test_what_is_told_is_what_was_planted() -> None:
    shelf, ads = catalogue(3), adverts(1_000, 3)
    block = make_block(1_000, 3, 0, shelf, ads)
    truth = block.truth.set_index("user_id")["persona"]
    told = block.tables["interviews"].set_index("user_id")["persona"]
    assert (told == truth.reindex(told.index)).all()
    assert told.nunique() > 3


def test_few_regulars_are_all_asked() -> None:
    events = pd.DataFrame(
        {
            "user_id": pd.array(np.repeat([1, 2, 3], 10), dtype="Int64"),
            "session_id": np.arange(30),
            "ts": pd.date_range("2025-01-01", periods=30, freq="D"),
        }
    )
    late = pd.Timestamp("2025-12-01")
    events.loc[events["session_id"] == 29, "ts"] = late  # the third user's tenth visit comes too late
    truth = pd.DataFrame({"user_id": np.arange(1, 201), "persona": ["busy_parent"] * 200})
    found = drawn.interviews(events, truth, 1, 0)
    assert list(found["user_id"]) == [1, 2]
    empty = drawn.interviews(events[events["user_id"] == 3], truth, 1, 0)
    assert len(empty) == 0
    assert list(empty.dtypes.astype(str)) == ["int64", "datetime64[us]", "str"]


def test_the_chapter_reads_the_shipped_table() -> None:
    pd.testing.assert_frame_equal(personas.interviews(), load("interviews"))
