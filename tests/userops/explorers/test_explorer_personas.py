"""The wide table of chapter 7 against counting one by one; letters, team segments and the choice of k."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from userops import sample
from userops.errors import CourseError
from userops.lessons import personas
from userops.lessons.habits import prepare
from userops.schema.tables import CATEGORIES


@pytest.fixture(scope="module")
def log() -> tuple[pd.DataFrame, pd.DataFrame]:
    return sample("events", seed=61), sample("products", seed=61)


@pytest.mark.parametrize(("before", "least"), [("2025-12-01", 10), ("2025-07-01", 3)])
def test_the_wide_table_agrees_with_counting_one_by_one(log, before: str, least: int) -> None:
    events, products = log
    table = personas.wide_table(
        events.sample(frac=1, random_state=1), products, before=before, min_visits=least
    )
    price = products.set_index("product_id")["price"]
    category = products.set_index("product_id")["category"]
    middle = {name: float(np.median(price[category == name])) for name in CATEGORIES}
    rows = events[events["user_id"].notna() & (events["ts"] < pd.Timestamp(before))]
    expected = {}
    for user, mine in rows.groupby("user_id"):
        starts = [visit["ts"].min() for _, visit in mine.groupby("session_id")]
        if len(starts) < least:
            continue
        viewed = mine.loc[mine["event"] == "product_view", "product_id"].tolist()
        shelf = [category[p] for p in viewed]

        def share(*names: str, shelf: list[str] = shelf) -> float:
            return sum(s in names for s in shelf) / len(shelf) if shelf else 0.0

        n = len(starts)
        expected[user] = (
            n,
            sum(s.hour in (22, 23, 0, 1, 2) for s in starts) / n,
            sum(5 <= s.hour <= 9 for s in starts) / n,
            sum(s.weekday() >= 5 for s in starts) / n,
            len(viewed) / n,
            (mine["event"] == "search").sum() / n,
            np.mean([price[p] / middle[category[p]] for p in viewed]) if viewed else 1.0,
            share("beauty", "fashion"),
            share("digital"),
            share("home", "food"),
            share("health"),
            share("baby"),
            share("gifts"),
        )
    assert expected
    wanted = pd.DataFrame.from_dict(expected, orient="index", columns=["visits", *personas.HABITS])
    pd.testing.assert_frame_equal(
        table, wanted.sort_index(), check_dtype=False, check_names=False, check_index_type=False
    )


def test_nobody_and_a_user_without_views_are_no_trouble(log) -> None:
    events, products = log
    assert personas.wide_table(events.iloc[:0], products, before="2025-12-01").shape == (0, 13)
    silent = events[events["event"] == "page_view"]
    table = personas.wide_table(silent, products, before="2025-12-01", min_visits=3)
    assert len(table)
    assert (table["price_level"] == 1).all()
    assert (table[["views_per_visit", "digital", "gifts"]] == 0).all(axis=None)


def test_a_lacking_column_is_named(log) -> None:
    events, products = log
    with pytest.raises(CourseError, match="session_id"):
        personas.wide_table(events.drop(columns="session_id"), products, before="2025-12-01")


def test_letters_go_by_size_and_survive_another_numbering() -> None:
    labels = pd.Series([2, 2, 2, 0, 0, 1], index=list("uvwxyz"))
    assert personas.letters(labels).tolist() == list("AAABBC")
    assert personas.letters(labels.map({2: 7, 0: 3, 1: 5})).tolist() == list("AAABBC")
    assert personas.letters(np.array([1, 1, 0]), index=[5, 6, 7]).to_dict() == {5: "A", 6: "A", 7: "B"}


def test_prepared_habits_have_mean_zero_and_spread_one_on_their_own_yardstick(log) -> None:
    table = personas.wide_table(*log, before="2025-12-01")
    prepared = prepare(table)
    assert np.allclose(prepared.mean(), 0)
    assert np.allclose(prepared.std(ddof=0), 1)
    some = prepare(table.iloc[:5], table)
    pd.testing.assert_frame_equal(some, prepared.iloc[:5])
    flat = table.assign(gifts=0.5)
    assert (prepare(flat)["gifts"] == 0).all()


def test_team_segments_and_criteria_are_the_same_every_time(log) -> None:
    table = personas.wide_table(*log, before="2025-12-01", min_visits=6)
    team = personas.team_segments(table, k=3)
    assert team.equals(personas.team_segments(table, k=3))
    assert team.value_counts().index.tolist() == ["A", "B", "C"]
    curves = personas.choose_k(table, (2, 4, 6), samples=3)
    assert curves.equals(personas.choose_k(table, (2, 4, 6), samples=3))
    assert curves["inertia"].is_monotonic_decreasing
    assert curves[["silhouette", "stability"]].abs().le(1).all(axis=None)
