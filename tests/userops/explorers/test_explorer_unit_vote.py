"""A unit is a vote: raw segments follow the unit, scaled ones do not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from userops import use_language
from userops.errors import CourseError
from userops.explorers import unit_vote


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame({"spend": rng.lognormal(6, 1.2, 600), "late_share": rng.beta(1, 4, 600)})


def test_the_vote_is_the_share_of_all_squared_distances(people: pd.DataFrame) -> None:
    for unit, factor in unit_vote.UNITS.items():
        frame = unit_vote.compute(people, unit=unit)
        points = people.to_numpy() * [factor, 1]
        squares = ((points[:, None] - points) ** 2).sum(axis=(0, 1))
        assert frame["money_vote"].iloc[0] == pytest.approx(squares[0] / squares.sum())


def test_in_fen_and_in_yuan_money_decides_in_ten_thousands_the_clock(people: pd.DataFrame) -> None:
    def spans(frame: pd.DataFrame, column: str) -> list[tuple[float, float]]:
        return sorted(frame.groupby("segment")[column].agg(["min", "max"]).itertuples(index=False, name=None))

    for unit, column in (("fen", "spend"), ("yuan", "spend")):
        borders = spans(unit_vote.compute(people, unit=unit), column)
        assert all(a[1] < b[0] for a, b in pairwise(borders))
    wan = unit_vote.compute(people.assign(spend=people["spend"] / 10), unit="10k_yuan")
    borders = spans(wan, "late_share")
    assert all(a[1] < b[0] for a, b in pairwise(borders))


def test_scaled_segments_do_not_care(people: pd.DataFrame) -> None:
    frames = [unit_vote.compute(people, unit=unit, scaled=True) for unit in unit_vote.UNITS]
    assert all(adjusted_rand_score(frames[0]["segment"], frame["segment"]) > 0.99 for frame in frames)
    assert all(frame["money_vote"].iloc[0] == pytest.approx(0.5) for frame in frames)
    assert all(frame["spend"].equals(frames[0]["spend"]) for frame in frames)


def test_many_users_are_thinned_out_and_the_input_stays(people: pd.DataFrame) -> None:
    many = pd.concat([people] * 5, ignore_index=True)
    copy = many.copy()
    assert len(unit_vote.compute(many)) == 1000
    pd.testing.assert_frame_equal(many, copy)


def test_bad_input_is_told_in_a_sentence(people: pd.DataFrame) -> None:
    with pytest.raises(CourseError, match="dollar"):
        unit_vote.compute(people, unit="dollar")
    with pytest.raises(CourseError, match="late_share"):
        unit_vote.compute(people[["spend"]])


@pytest.mark.parametrize(("lang", "word"), [("en", "squared distances"), ("zh", "平方距离")])
def test_the_explorer_moves_and_speaks(people: pd.DataFrame, lang: str, word: str) -> None:
    use_language(lang)
    shown = unit_vote.explore(people)
    before = shown.png
    shown.set(unit="10k_yuan")
    assert word in shown.sentence
    assert shown.png != before
