"""What a report of a given day can know: against counting one by one, and on screen."""

from __future__ import annotations

import pandas as pd
import pytest

from userops import sample, use_language
from userops.explorers import report_day
from userops.explorers._panel import panel
from userops.lessons.lifecycle import user_ages

LAST_DAY = pd.Timestamp("2025-12-31")


def company(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    users = sample("users", seed=seed)
    people = users[["user_id"]].assign(start=users["registered_at"].dt.normalize())
    people["observed"] = (LAST_DAY - people["start"]).dt.days
    visits = sample("events", seed=seed)[["user_id", "ts"]].dropna()
    return people, user_ages(people, visits)


@pytest.mark.parametrize("report", ["2025-06-30", "2025-10-12", "2025-12-31"])
@pytest.mark.parametrize(("first", "width"), [(30, 30), (7, 1)])
def test_it_agrees_with_counting_one_by_one(report: str, first: int, width: int) -> None:
    people, ages = company(seed=52)
    day, last = pd.Timestamp(report), first + width - 1
    frame = report_day.compute(panel(people, ages), report=report, first=first, width=width)
    seen = {user: set(group["age"]) for user, group in ages.groupby("user_id")}
    counts: dict[pd.Timestamp, list[int]] = {}
    for row in people.itertuples():
        follow = (day - row.start).days
        if follow < 0:
            continue
        count = counts.setdefault(row.start - pd.Timedelta(days=row.start.weekday()), [0, 0, 0, 0])
        came = any(first <= age <= min(last, follow) for age in seen.get(row.user_id, ()))
        over = follow >= last
        for place, add in enumerate((1, over, came, came and over)):
            count[place] += add
    columns = ["users", "judged", "retained", "retained_judged"]
    assert {row["cohort"]: [int(row[c]) for c in columns] for _, row in frame.iterrows()} == counts


def test_the_naive_rate_falls_just_before_the_report_and_the_honest_one_is_silent() -> None:
    people, ages = company(seed=53)
    frame = report_day.compute(panel(people, ages), report="2025-10-05").set_index("cohort")
    young = frame.loc["2025-09-08":]
    assert young["everyone"].max() == 0
    assert young["honest"].isna().all()
    assert (frame["judged"] <= frame["users"]).all()
    settled = frame[frame["judged"] == frame["users"]]
    assert (settled["everyone"] == settled["honest"]).all()


@pytest.mark.parametrize(("lang", "word"), [("en", "not over yet"), ("zh", "观察期未满")])
def test_the_explorer_moves_and_speaks(lang: str, word: str) -> None:
    use_language(lang)
    shown = report_day.explore(*company(seed=54))
    assert word in shown.sentence
    before = shown.png
    days = [value for _, value in shown.controls["report"].options]
    assert days[-1] == LAST_DAY
    for change in ({"report": days[10]}, {"first": 5}, {"width": 7}):
        assert shown.set(**change).png != before
        before = shown.png
