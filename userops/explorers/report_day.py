"""Explorer: the day a report is made decides whose retention can be known, and the usual report forgets it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from userops import style
from userops._language import t
from userops.explorers import _base
from userops.explorers._panel import Panel, panel
from userops.explorers.retention_definition import first_day
from userops.lessons.lifecycle import shipped_lives

__all__ = ["compute", "draw", "explore"]


def compute(data: Panel, *, report: str | pd.Timestamp, first: int = 30, width: int = 30) -> pd.DataFrame:
    """Return retention on days ``first`` to ``first + width - 1`` as a report of a given day shows it.

    Args:
        data: ``panel(people, ages)``.
        report: last day that the report's data cover.
        first: first day of the bracket.
        width: length of the bracket in days.

    Returns:
        One row a week of registration up to the report: ``cohort`` (Monday), ``users`` (all who registered),
        ``judged`` (those whose bracket was over), ``retained`` (of all, so far), ``retained_judged``,
        ``everyone`` (retained / users: the naive rate), ``honest`` (retained_judged / judged, else missing).
    """
    day = np.datetime64(pd.Timestamp(report), "D")
    follow = np.asarray(day - data.start).astype(np.int64)
    here = follow >= 0
    last = first + width - 1
    # What the report can have seen of the bracket: its days up to the report, each user's own number of them.
    seen = np.minimum(follow, last)
    stop = np.clip(seen + 1, 0, data.days)
    begin = np.minimum(first, stop)
    users = np.arange(len(data))
    retained = here & (data.running[stop, users] > data.running[begin, users])
    judged = here & (follow >= last)
    table = pd.DataFrame(
        {
            "cohort": first_day(data.start, "week"),
            "users": here,
            "judged": judged,
            "retained": retained,
            "retained_judged": retained & judged,
        }
    )[here]
    weeks = table.groupby("cohort", as_index=False).sum()
    weeks["cohort"] = weeks["cohort"].astype("datetime64[us]")
    weeks["everyone"] = weeks["retained"] / weeks["users"]
    weeks["honest"] = (weeks["retained_judged"] / weeks["judged"]).where(weeks["judged"] > 0)
    return weeks


def draw(fig: Figure, frame: pd.DataFrame, *, report: str | pd.Timestamp, first: int, width: int) -> str:
    """Draw the frame of ``compute`` and return a sentence that says what the picture shows."""
    fig.set_layout_engine("none")  # as in retention_definition
    axes = fig.subplots(gridspec_kw={"left": 0.1, "right": 0.98, "top": 0.9, "bottom": 0.13})
    last = first + width - 1
    axes.plot(
        frame["cohort"],
        frame["everyone"],
        color=style.colour("red"),
        ls="--",
        lw=1.8,
        label=t("divided by everyone who registered", "分母：全部注册用户"),
    )
    axes.plot(
        frame["cohort"],
        frame["honest"],
        color=style.colour("blue"),
        lw=2.4,
        label=t("divided by those whose window is over", "分母：观察期已满的用户"),
    )
    axes.set(
        xlabel=t("week of registration", "注册周"),
        ylabel=t(f"active on days {first} to {last}", f"第 {first}～{last} 日内活跃的占比"),
        title=t(
            f"Report of {pd.Timestamp(report):%Y-%m-%d}",
            f"{pd.Timestamp(report):%Y-%m-%d} 出的报表",
        ),
        ylim=(0, None),
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="lower left", fontsize=9)
    return sentence(frame)


def sentence(frame: pd.DataFrame) -> str:
    """Return the picture's message in one sentence, for those who cannot see it."""
    young = int((frame["judged"] < frame["users"]).sum())
    return t(
        f"In {young} of {len(frame)} weekly cohorts somebody's window is not over yet: there the dashed rate falls, "
        "although nobody has left.",
        f"{len(frame)} 个按周的同期群里，有 {young} 个还有人观察期未满：虚线在那里往下掉，其实没有一个人因此流失。",
    )


def explore(people: pd.DataFrame, ages: pd.DataFrame) -> _base.Explorer:
    """Show the explorer; the report can be made on any Sunday, and on the last day of the data.

    Args:
        people: ``user_id``, ``start``, ``observed``.
        ages: ``user_id``, ``age``.
    """
    start = people["start"].min().normalize()
    end = (people["start"].dt.normalize() + pd.to_timedelta(people["observed"], unit="D")).max()
    sundays = pd.date_range(start + pd.Timedelta(days=42), end, freq="W-SUN")
    days = [*sundays[sundays < end], end]
    return _base.explorer(
        compute=partial(compute, panel(people, ages)),
        draw=draw,
        describe=sentence,
        controls={
            "report": _base.Steps(("day of the report", "出报表的日期"), days, value=days[-1]),
            "first": _base.Slider(("first day of the window", "窗口从第几日起"), 1, 60, value=30),
            "width": _base.Slider(("length of the window (days)", "窗口长度（天）"), 1, 30, value=30),
        },
        title=("What a report can know on its day", "报表出来那天，能知道什么"),
        figsize=(8.0, 4.4),
    )


def bench_data() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the arguments of ``explore`` for the benchmark."""
    return shipped_lives()
