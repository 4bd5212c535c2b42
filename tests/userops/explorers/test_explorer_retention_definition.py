"""Three definitions of retention: by hand on nine people, by brute force on a small company, and on screen."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from userops import load, sample, use_language
from userops.errors import CourseError
from userops.explorers import retention_definition as explorer
from userops.explorers._panel import wilson

LAST_DAY = pd.Timestamp("2025-12-31")


@pytest.fixture(scope="module")
def nine() -> tuple[pd.DataFrame, pd.DataFrame]:
    people = pd.DataFrame({"user_id": range(1, 10), "observed": [14, 4, 9, 6, 13, 7, 14, 6, 14]})
    people["start"] = pd.Timestamp("2025-03-15") - pd.to_timedelta(people["observed"], unit="D")
    days = {
        2: [0, 4],
        3: [0, 3, 9],
        4: [0, 6],
        5: [0, 10, 12],
        6: [0, 2, 5, 7],
        7: [0, 7, 9],
        8: [0, 3, 4, 6],
    }
    days[9] = [0, 11, 12, 14]
    ages = pd.DataFrame([(u, d) for u, ds in days.items() for d in ds], columns=["user_id", "age"])
    return people, ages


def company(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    users = sample("users", seed=seed)
    people = users[["user_id"]].assign(start=users["registered_at"].dt.normalize())
    people["observed"] = (LAST_DAY - people["start"]).dt.days
    visits = sample("events", seed=seed)[["user_id", "ts"]].dropna()
    return people, explorer.user_ages(people, visits)


def point(frame: pd.DataFrame, definition: str, day: int) -> pd.Series:
    return frame[
        (frame["view"] == "curve") & (frame["definition"] == definition) & (frame["day"] == day)
    ].iloc[0]


def test_the_nine_people_of_the_chapter(nine: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    data = explorer.panel(*nine)
    frame = explorer.compute(data, definition="bracket", day=5, width=5)
    assert point(frame, "on", 7)[["users", "retained"]].tolist() == [6, 2]
    assert point(frame, "bracket", 5)[["users", "retained"]].tolist() == [5, 2]
    assert point(frame, "unbounded", 7)[["users", "retained"]].tolist() == [6, 5]
    cohorts = frame[frame["view"] == "cohort"]
    assert cohorts["users"].sum() == 5
    assert cohorts["retained"].sum() == 2


@pytest.mark.parametrize(("definition", "width"), [("on", 1), ("bracket", 30), ("unbounded", 1)])
@pytest.mark.parametrize("day", [1, 30])
def test_cohorts_agree_with_counting_one_by_one(
    definition: explorer.Definition, width: int, day: int
) -> None:
    people, ages = company(seed=51)
    frame = explorer.compute(
        explorer.panel(people, ages), definition=definition, day=day, width=width, grain="quarter"
    )
    seen = {user: set(group["age"]) for user, group in ages.groupby("user_id")}
    last = {"on": day, "bracket": day + width - 1, "unbounded": math.inf}[definition]
    counts: dict[pd.Timestamp, list[int]] = {}
    for row in people.itertuples():
        quarter = pd.Timestamp(row.start.year, 3 * ((row.start.month - 1) // 3) + 1, 1)
        count = counts.setdefault(quarter, [0, 0])
        if row.observed >= (day if definition == "unbounded" else last):
            count[0] += 1
            count[1] += any(day <= age <= last for age in seen.get(row.user_id, ()))
    shown = frame[frame["view"] == "cohort"].set_index("cohort")
    assert {
        c: [int(n), int(k)] for c, n, k in zip(shown.index, shown["users"], shown["retained"], strict=True)
    } == counts


def test_curves_never_divide_by_people_who_cannot_be_judged(nine: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    frame = explorer.compute(explorer.panel(*nine), definition="on", width=3)
    curves = frame[frame["view"] == "curve"]
    assert (curves["users"] > 0).all()
    for kind, needed in (("on", 0), ("bracket", 2), ("unbounded", 0)):
        mine = curves[curves["definition"] == kind].set_index("day")["users"]
        for day, users in mine.items():
            assert users == (nine[0]["observed"] >= day + needed).sum()
    assert ((curves["rate"] >= 0) & (curves["rate"] <= 1)).all()


def test_weeks_begin_on_monday_and_quarters_on_their_first_day() -> None:
    days = np.array(["2025-03-02", "2025-03-03", "2025-12-31"], dtype="datetime64[D]")
    assert explorer.first_day(days, "week").astype(str).tolist() == ["2025-02-24", "2025-03-03", "2025-12-29"]
    assert explorer.first_day(days, "month").astype(str).tolist() == [
        "2025-03-01",
        "2025-03-01",
        "2025-12-01",
    ]
    assert explorer.first_day(days, "quarter").astype(str).tolist() == [
        "2025-01-01",
        "2025-01-01",
        "2025-10-01",
    ]


def test_wilson_interval_of_the_literature() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 gives 0.2553 to 0.3662.
    low, high = wilson(np.array([81]), np.array([263]), z=1.959964)
    assert low[0] == pytest.approx(0.2553, abs=5e-5)
    assert high[0] == pytest.approx(0.3662, abs=5e-5)


def test_ages_go_by_the_calendar() -> None:
    starts = pd.DataFrame({"user_id": [1], "start": pd.to_datetime(["2025-03-01 23:50"])})
    visits = pd.DataFrame(
        {
            "user_id": [1, 1, 9],
            "ts": pd.to_datetime(["2025-03-02 00:10", "2025-03-02 09:00", "2025-03-02 01:00"]),
        }
    )
    assert explorer.user_ages(starts, visits).to_dict("list") == {"user_id": [1], "age": [1]}


def test_the_cohort_table_keeps_empty_periods_and_leaves_out_running_ones() -> None:
    people = pd.DataFrame({"user_id": [1, 2], "cohort": ["a", "b"], "observed": [95, 20]})
    ages = pd.DataFrame({"user_id": [1, 1, 1, 2], "age": [0, 70, 92, 3]})
    rows = explorer.cohort_table(people, ages, 30).to_dict("list")
    assert rows == {"cohort": ["a"] * 3, "period": [0, 1, 2], "users": [1, 1, 1], "retained": [1, 0, 1]}
    assert explorer.cohort_table(people.iloc[:0], ages).empty


def test_a_user_is_lost_before_the_first_long_silence_even_if_back_later() -> None:
    watched = {1: 200, 2: 200, 3: 100, 4: 44, 5: 60, 6: 45, 7: 100}
    people = pd.DataFrame({"user_id": list(watched), "observed": list(watched.values())})
    days = {1: [0, 10, 56], 2: [0, 45, 90, 135, 180], 3: [0, 56], 6: [0], 7: [0, 30, 56]}
    ages = pd.DataFrame([(u, d) for u, ds in days.items() for d in ds], columns=["user_id", "age"])
    lives = explorer.lifetimes(people, ages, silence=45).set_index("user_id")
    # 1: silent from day 11 to 55 (45 days), back on day 56, which changes nothing.
    assert lives.loc[1, ["duration", "lost"]].tolist() == [10, True]
    # 2: never 45 days without a visit up to day 155, which is as far as can be told.
    assert lives.loc[2, ["duration", "lost"]].tolist() == [155, False]
    # 3: lost at once: days 1 to 55.
    assert lives.loc[3, ["duration", "lost"]].tolist() == [0, True]
    # 4: cannot be judged. 5: never seen after registering. 6: the 45th silent day is the last one watched.
    assert 4 not in lives.index
    assert lives.loc[5, ["duration", "lost"]].tolist() == [0, True]
    assert lives.loc[6, ["duration", "lost"]].tolist() == [0, True]
    # 7: silent for 44 days when the watch ends.
    assert lives.loc[7, ["duration", "lost"]].tolist() == [55, False]


def test_kaplan_meier_on_the_freireich_trial() -> None:
    # Remission in weeks under 6-MP (Freireich et al. 1963), the textbook example: S(10) 0.753, S(23) 0.448.
    weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = explorer.kaplan_meier(pd.Series(weeks), pd.Series([True] * 9 + [False] * 12))
    assert curve.index.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve[10] == pytest.approx(0.753, abs=5e-4)
    assert curve[23] == pytest.approx(0.448, abs=5e-4)
    assert explorer.kaplan_meier(pd.Series([3]), pd.Series([False])).empty


def test_missing_columns_and_nobody_get_a_sentence(nine: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    people, ages = nine
    with pytest.raises(CourseError, match="observed"):
        explorer.panel(people.drop(columns="observed"), ages)
    with pytest.raises(CourseError, match="no rows"):
        explorer.panel(people.iloc[:0], ages)


@pytest.mark.parametrize(("lang", "word"), [("en", "day 30"), ("zh", "第 30 日")])
def test_the_explorer_moves_and_speaks(lang: str, word: str) -> None:
    use_language(lang)
    users = load("users")
    people = users[["user_id"]].assign(start=users["registered_at"].dt.normalize())
    people["observed"] = (LAST_DAY - people["start"]).dt.days
    ages = explorer.user_ages(people, load("events", columns=["user_id", "ts"]).dropna())
    shown = explorer.explore(people, ages)
    assert word in shown.sentence
    before = shown.png
    for change in ({"definition": "unbounded"}, {"day": 60}, {"grain": "week"}):
        assert shown.set(**change).png != before
        before = shown.png
    assert shown.set(day=90, width=30, definition="bracket", grain="quarter").frame["rate"].notna().any()
