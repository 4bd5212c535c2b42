"""Lives of users as chapter 4 counts them: active days by age, cohorts, lifetimes, survival.

These are the chapter's own answers, so that a slip in one exercise does not follow a learner into the next; the
chapter and its tests import them through the explorer ``retention_definition``. That explorer and ``report_day``
read ``people`` and ``ages`` in the form made here, and are measured on ``shipped_lives``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from userops._load import load


def user_ages(starts: pd.DataFrame, activity: pd.DataFrame) -> pd.DataFrame:
    """Return on which days of their life users were active (exercise 4.1).

    Args:
        starts: one row a user: ``user_id`` and ``start``, a timestamp on day 0.
        activity: any number of rows a user: ``user_id`` and ``ts``.

    Returns:
        ``user_id`` and ``age``, whole calendar days since day 0; one row a user and active day.
    """
    rows = activity[["user_id", "ts"]].merge(starts[["user_id", "start"]], on="user_id")
    age = (rows["ts"].dt.normalize() - rows["start"].dt.normalize()).dt.days
    return rows[["user_id"]].assign(age=age).drop_duplicates(ignore_index=True)


def cohort_table(people: pd.DataFrame, ages: pd.DataFrame, width: int = 30) -> pd.DataFrame:
    """Return bracket retention cohort by cohort and period by period, as counts (exercise 4.3).

    Args:
        people: ``user_id``, ``cohort``, ``observed`` (whole days after day 0).
        ages: ``user_id``, ``age``.
        width: days in a period; period k is made of the days ``k * width`` to ``(k + 1) * width - 1``.

    Returns:
        ``cohort``, ``period``, ``users`` (whose period is over) and ``retained`` (those of them who were
        active in it); a row for each cohort and period with at least one user.
    """
    over = (people["observed"] + 1) // width
    periods = np.arange(int(over.max()) if len(people) else 0)
    judged = (
        people[["user_id", "cohort"]].assign(over=over).merge(pd.DataFrame({"period": periods}), how="cross")
    )
    judged = judged[judged["period"] < judged["over"]]
    came = ages[["user_id"]].assign(period=ages["age"] // width).drop_duplicates().assign(came=1)
    judged = judged.merge(came, on=["user_id", "period"], how="left")
    return judged.groupby(["cohort", "period"], as_index=False).agg(
        users=("user_id", "size"), retained=("came", "count")
    )


def lifetimes(people: pd.DataFrame, ages: pd.DataFrame, silence: int = 45) -> pd.DataFrame:
    """Return when each user was lost, as far as that can be known.

    A user is lost on the last active day before the first ``silence`` days in a row without a visit. By the
    end of the data this is settled for the first ``observed - silence`` days of a life; users who were not
    lost by then are censored there. Users observed for less than ``silence`` days are left out.

    Args:
        people: ``user_id``, ``observed``, and any other columns, which are kept.
        ages: ``user_id``, ``age``.
        silence: days without a visit after which a user counts as lost.

    Returns:
        The columns of ``people``, ``duration`` (days) and ``lost`` (bool).
    """
    known = people[people["observed"] >= silence]
    # Everybody was there on day 0, with or without a tracked event.
    first = known[["user_id"]].assign(age=0)
    days = pd.concat([ages[["user_id", "age"]], first]).drop_duplicates().sort_values(["user_id", "age"])
    days = days.merge(known[["user_id", "observed"]], on="user_id")
    following = days.groupby("user_id")["age"].shift(-1)
    silent = (following - days["age"] > silence) | (
        following.isna() & (days["age"] + silence <= days["observed"])
    )
    lost_at = days[silent].groupby("user_id")["age"].first()
    duration = known["user_id"].map(lost_at)
    return known.assign(
        duration=duration.fillna(known["observed"] - silence).astype(np.int64),
        lost=duration.notna(),
    )


def kaplan_meier(duration: pd.Series, lost: pd.Series) -> pd.Series:
    """Return the share that survived each day on which somebody was lost (exercise 4.5; Kaplan & Meier 1958).

    Args:
        duration: days, one a person; a person is at risk up to and including that day.
        lost: True if the person was lost on that day, False if the watch ended on it.

    Returns:
        The share by day, days ascending; empty if nobody was lost.
    """
    days = pd.DataFrame({"lost": lost.to_numpy(), "n": 1}).groupby(duration.to_numpy()).sum()
    at_risk = days["n"][::-1].cumsum()[::-1]
    survived = (1 - days["lost"] / at_risk).cumprod()
    return survived[days["lost"] > 0].rename_axis("day").rename("survived")


def shipped_lives() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the shipped company's users and their active days: what benchmarks run on.

    Returns:
        ``people``: ``user_id``, ``start`` (the day of registration), ``observed`` (whole days from it to the end
        of 2025); ``ages``: ``user_id``, ``age`` (days), from ``user_ages``.
    """
    users = load("users", columns=["user_id", "registered_at"])
    people = users[["user_id"]].assign(start=users["registered_at"].dt.normalize())
    people["observed"] = (pd.Timestamp("2025-12-31") - people["start"]).dt.days
    return people, user_ages(people, load("events", columns=["user_id", "ts"]).dropna(subset=["user_id"]))
