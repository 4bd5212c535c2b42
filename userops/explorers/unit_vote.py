"""Explorer: change the unit of money and watch who decides; a distance counts votes, and a unit is a vote."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.cluster import KMeans

from userops import style
from userops._language import t
from userops.errors import CourseError
from userops.explorers import _base
from userops.lessons.personas import letters, shipped_table

__all__ = ["UNITS", "compute", "draw", "explore"]

UNITS: Final[dict[str, float]] = {"fen": 100.0, "yuan": 1.0, "10k_yuan": 1e-4}
"""How many of the unit one yuan is."""

SEGMENTS: Final = 3
_USERS: Final = 1_000


def compute(people: pd.DataFrame, *, unit: str = "yuan", scaled: bool = False) -> pd.DataFrame:
    """Cluster users on two columns, money and a share, with money counted in ``unit``.

    Args:
        people: ``spend`` (CNY) and ``late_share`` (fraction of visits late at night), one row a user.
        unit: a key of ``UNITS``.
        scaled: give both columns mean 0 and SD 1 first.

    Returns:
        One row a user (at most 1,000): ``spend`` (still CNY), ``late_share``, ``segment`` (letters by size)
        and ``money_vote``: the part of all squared distances that comes from money, a fraction.

    Raises:
        CourseError: a column is missing, the unit is unknown, or there are fewer users than segments.
    """
    if unit not in UNITS:
        raise CourseError(f"There is no unit {unit!r}: use one of {', '.join(UNITS)}.")
    lacking = [name for name in ("spend", "late_share") if name not in people.columns]
    if lacking or len(people) < SEGMENTS:
        raise CourseError(f"`people` needs spend and late_share of at least {SEGMENTS} users.")
    frame = people[["spend", "late_share"]].astype(float)
    if len(frame) > _USERS:
        frame = frame.sample(_USERS, random_state=7).sort_index()
    points = frame.to_numpy() * [UNITS[unit], 1.0]
    if scaled:
        spread = points.std(axis=0)
        points = (points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    variance = points.var(axis=0)
    labels = KMeans(SEGMENTS, n_init=4, random_state=0).fit_predict(points)
    return frame.assign(
        segment=letters(labels, index=frame.index),
        money_vote=variance[0] / variance.sum() if variance.sum() > 0 else np.nan,
    )


def draw(fig: Figure, frame: pd.DataFrame, *, unit: str, scaled: bool) -> str:
    """Draw the frame of ``compute`` and return a sentence that says what the picture shows."""
    fig.set_layout_engine("none")  # fixed places: fitting them would take longer than the rest
    left, right = fig.add_axes((0.09, 0.14, 0.6, 0.74)), fig.add_axes((0.79, 0.14, 0.2, 0.74))
    names = sorted(frame["segment"].unique())
    top = float(frame["spend"].quantile(0.98))
    colours = frame["segment"].map({name: style.colour(name, names) for name in names})
    left.scatter(frame["spend"], frame["late_share"], s=12, alpha=0.7, linewidths=0, c=colours)
    left.set(
        xlim=(-0.03 * top, top),
        xlabel=t("paid so far (CNY)", "累计支付金额（元）"),
        ylabel=t("visits late at night", "深夜访问占比"),
        title=_title(unit, scaled),
    )
    left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    vote = float(frame["money_vote"].iloc[0])
    bars = [t("money", "金额"), t("the clock", "时间")]
    right.bar(bars, [vote, 1 - vote], color=[style.colour("black"), style.colour("grey")])
    right.set(ylim=(0, 1), title=t("who votes", "谁说了算"))
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return sentence(frame, unit, scaled)


def _title(unit: str, scaled: bool) -> str:
    said = {"fen": t("fen", "分"), "yuan": t("yuan", "元"), "10k_yuan": t("10,000 yuan", "万元")}[unit]
    how = t("scaled", "已标准化") if scaled else t("raw", "未标准化")
    return t(f"money in {said}, {how}", f"金额单位：{said}，{how}")


def sentence(frame: pd.DataFrame, unit: str, scaled: bool) -> str:
    """Return the picture's message in one sentence, for those who cannot see it."""
    vote = float(frame["money_vote"].iloc[0])
    return t(
        f"{_title(unit, scaled)}: money makes up {vote:.2%} of all squared distances.",
        f"{_title(unit, scaled)}：全部平方距离里，金额占 {vote:.2%}。",
    )


def explore(people: pd.DataFrame) -> _base.Explorer:
    """Show the explorer; ``people`` as for ``compute``."""
    return _base.explorer(
        compute=partial(compute, people),
        draw=draw,
        controls={
            "unit": _base.Choice(
                ("count money in", "金额单位"),
                {
                    ("yuan", "元"): "yuan",
                    ("fen (a hundredth of a yuan)", "分"): "fen",
                    ("10,000 yuan", "万元"): "10k_yuan",
                },
            ),
            "scaled": _base.Toggle(("mean 0, standard deviation 1 first", "先标准化（均值 0，标准差 1）")),
        },
        title=("A unit is a vote", "单位就是选票"),
    )


def bench_data() -> tuple[pd.DataFrame]:
    """Return the argument of ``explore`` for the benchmark."""
    return (shipped_table(),)
