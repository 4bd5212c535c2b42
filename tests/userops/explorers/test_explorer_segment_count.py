"""How many segments: the criteria can be fooled, the profile cannot; on screen in both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from userops import sample, use_language
from userops.errors import CourseError
from userops.explorers import segment_count
from userops.lessons import personas
from userops.lessons.habits import prepare


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    events, products = sample("events", seed=62, users=900), sample("products", seed=62)
    return personas.wide_table(events, products, before="2025-12-01", min_visits=6)


@pytest.fixture(scope="module")
def spend(table: pd.DataFrame) -> pd.Series:
    return sample("orders", seed=62, users=900).groupby("user_id")["amount"].sum()


def test_the_frame_holds_what_is_shown(table: pd.DataFrame) -> None:
    data = segment_count.crowd(table)
    frame = segment_count.compute(data, k=5)
    assert len(frame) == min(len(table), segment_count.USERS)
    assert set(frame["segment"]) == set("ABCDE")
    assert frame["segment"].value_counts().index[0] == "A"
    points = prepare(table.loc[frame.index])
    assert frame["silhouette"].mean() == pytest.approx(silhouette_score(points, frame["segment"]))
    assert np.allclose(frame[list(personas.HABITS)], points)
    assert frame["stability"].nunique() == 1
    assert frame["agreement"].isna().all()


def test_the_same_question_has_the_same_answer(table: pd.DataFrame) -> None:
    one = segment_count.compute(segment_count.crowd(table), k=4)
    two = segment_count.compute(segment_count.crowd(table.sample(frac=1, random_state=3).sort_index()), k=4)
    pd.testing.assert_frame_equal(one, two)


def test_users_keep_their_place_whatever_is_asked(table: pd.DataFrame, spend: pd.Series) -> None:
    data = segment_count.crowd(table, spend)
    here = segment_count.compute(data, k=3)[["x", "y"]]
    there = segment_count.compute(data, k=7, habits="habits_and_money", preparation="raw")[["x", "y"]]
    pd.testing.assert_frame_equal(here, there)


def test_raw_money_makes_a_fine_silhouette_and_an_empty_profile(
    table: pd.DataFrame, spend: pd.Series
) -> None:
    data = segment_count.crowd(table, spend)
    honest = segment_count.compute(data, k=4)
    fooled = segment_count.compute(data, k=4, habits="habits_and_money", preparation="raw")
    assert fooled["silhouette"].mean() > 1.5 * honest["silhouette"].mean()

    def spread(frame: pd.DataFrame) -> float:
        """How much of the habits' variance lies between the segments."""
        share = frame["segment"].value_counts(normalize=True)
        means = frame.groupby("segment")[list(personas.HABITS)].mean()
        return float((means**2).mul(share, axis=0).sum().mean())

    assert spread(fooled) < 0.25 * spread(honest)


def test_interviewed_users_are_shown_and_compared(table: pd.DataFrame) -> None:
    told = table.index[::9]
    interviews = pd.DataFrame(
        {"user_id": told, "persona": np.where(table.loc[told, "morning_share"] > 0.3, "lark", "owl")}
    )
    data = segment_count.crowd(table, interviews=interviews)
    frame = segment_count.compute(data, k=2, habits="clock")
    assert set(told) <= set(frame.index)
    expected = adjusted_rand_score(interviews["persona"], frame["segment"].reindex(told))
    assert frame["agreement"].iloc[0] == pytest.approx(expected)


def test_bad_input_is_told_in_a_sentence(table: pd.DataFrame) -> None:
    with pytest.raises(CourseError, match="price_level"):
        segment_count.crowd(table.drop(columns="price_level"))
    with pytest.raises(CourseError, match="at least 50"):
        segment_count.crowd(table.iloc[:10])
    with pytest.raises(CourseError, match="preparation"):
        segment_count.compute(segment_count.crowd(table), preparation="magic")


@pytest.mark.parametrize(("lang", "word"), [("en", "silhouette"), ("zh", "轮廓系数")])
def test_the_explorer_moves_and_speaks(table: pd.DataFrame, lang: str, word: str) -> None:
    use_language(lang)
    shown = segment_count.explore(table)
    before = shown.png
    shown.set(k=6)
    assert word in shown.sentence
    assert shown.png != before
    assert shown.frame["segment"].nunique() == 6
