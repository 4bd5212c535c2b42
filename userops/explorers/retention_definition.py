"""Explorer: three definitions of retention on the same users, and what each says cohort by cohort."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from userops import style
from userops._language import t
from userops.explorers import _base
from userops.explorers._panel import Panel, panel, wilson
from userops.lessons.lifecycle import cohort_table, kaplan_meier, lifetimes, shipped_lives, user_ages

Definition = Literal["on", "bracket", "unbounded"]
Grain = Literal["week", "month", "quarter"]

DEFINITIONS: Final[tuple[Definition, ...]] = ("on", "bracket", "unbounded")
GRAINS: Final[tuple[Grain, ...]] = ("week", "month", "quarter")
LAST_DAY: Final = 120  # the curve's last day

__all__ = [
    "DEFINITIONS",
    "GRAINS",
    "cohort_table",
    "compute",
    "draw",
    "explore",
    "kaplan_meier",
    "lifetimes",
    "panel",
    "user_ages",
]


def window(definition: Definition, day: int, width: int) -> tuple[int, int | None, int]:
    """Return (first day, last day or None, days a user must have been observed) of a definition."""
    if definition == "on":
        return day, day, day
    if definition == "bracket":
        return day, day + width - 1, day + width - 1
    return day, None, day


def compute(
    data: Panel,
    *,
    definition: Definition = "on",
    day: int = 30,
    width: int = 7,
    grain: Grain = "month",
) -> pd.DataFrame:
    """Return what the explorer shows.

    Args:
        data: ``panel(people, ages)``.
        definition: day ``day`` exactly; any of the ``width`` days from ``day``; ``day`` or any day after.
        day: 0 is the day of registration.
        width: length of the bracket in days; the other two definitions do not use it.
        grain: how the users are grouped into cohorts.

    Returns:
        ``view`` (``curve``: one row a definition and day; ``cohort``: one row a cohort), ``definition``,
        ``day``, ``cohort`` (first day of the week, month or quarter), ``users`` (those observed long
        enough), ``retained``, ``rate``, ``low`` and ``high`` (Wilson, cohorts only).
    """
    curves = [_curve(data, kind, width if kind == "bracket" else 1) for kind in DEFINITIONS]
    return pd.concat([*curves, _cohorts(data, definition, day, width, grain)], ignore_index=True)


@lru_cache(maxsize=64)
def _curve(data: Panel, definition: Definition, width: int) -> pd.DataFrame:
    rows = []
    for day in range(min(LAST_DAY, data.days - 1) + 1):
        first, last, needed = window(definition, day, width)
        seen = data.observed >= needed
        users = np.count_nonzero(seen)
        if not users:
            break
        rows.append((day, users, np.count_nonzero(data.active(first, last) & seen)))
    curve = pd.DataFrame(rows, columns=["day", "users", "retained"])
    curve = curve.assign(view="curve", definition=definition, cohort=pd.NaT, low=np.nan, high=np.nan)
    return _tidy(curve)


def _cohorts(data: Panel, definition: Definition, day: int, width: int, grain: Grain) -> pd.DataFrame:
    first, last, needed = window(definition, day, width)
    seen = data.observed >= needed
    users = pd.DataFrame(
        {
            "cohort": first_day(data.start, grain),
            "users": seen,
            "retained": seen & data.active(first, last),
        }
    )
    cohorts = users.groupby("cohort", as_index=False)[["users", "retained"]].sum()
    low, high = wilson(cohorts["retained"].to_numpy(), cohorts["users"].to_numpy())
    return _tidy(cohorts.assign(view="cohort", definition=definition, day=day, low=low, high=high))


def first_day(start: np.ndarray, grain: Grain) -> np.ndarray:
    """Return the first day of the week (Monday), month or quarter that each day lies in."""
    if grain == "week":
        # 1970-01-01 was a Thursday.
        return start - (start.astype(np.int64) + 3) % 7
    months = start.astype("datetime64[M]")
    if grain == "quarter":
        months = months - months.astype(np.int64) % 3
    return months.astype("datetime64[D]")


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    frame["rate"] = (frame["retained"] / frame["users"]).where(frame["users"] > 0)
    frame["cohort"] = frame["cohort"].astype("datetime64[us]")
    columns = ["view", "definition", "day", "cohort", "users", "retained", "rate", "low", "high"]
    return frame[columns]


def name(definition: Definition, day: int | str, width: int) -> str:
    """Return the name of a definition in the language in force."""
    if definition == "on":
        return t(f"on day {day}", f"第 {day} 日当天")
    if definition == "unbounded":
        return t(f"on or after day {day}", f"第 {day} 日及以后")
    end = day + width - 1 if isinstance(day, int) else f"{day}+{width - 1}"
    return t(f"any of days {day} to {end}", f"第 {day}～{end} 日内任一天")


def _colour(definition: Definition) -> str:
    return style.colour(definition, among=DEFINITIONS)


def draw(
    fig: Figure,
    frame: pd.DataFrame,
    *,
    definition: Definition,
    day: int,
    width: int,
    grain: Grain,
) -> str:
    """Draw the frame of ``compute`` and return a sentence that says what the picture shows."""
    # Margins by hand: working them out would take half of the time to draw.
    fig.set_layout_engine("none")
    margins = {"left": 0.075, "right": 0.99, "top": 0.9, "bottom": 0.15, "wspace": 0.16}
    left, right = fig.subplots(1, 2, gridspec_kw=margins)
    curves = frame[frame["view"] == "curve"]
    for kind in DEFINITIONS:
        curve = curves[curves["definition"] == kind]
        chosen = kind == definition
        left.plot(
            curve["day"],
            curve["rate"],
            color=_colour(kind),
            lw=2.6 if chosen else 1.2,
            alpha=1 if chosen else 0.55,
            label=name(kind, "N", width),
        )
    here = curves[(curves["definition"] == definition) & (curves["day"] == day)]
    left.plot(here["day"], here["rate"], "o", color="black", ms=7)
    left.axvline(day, color="black", lw=0.8, ls=":")
    left.set(
        xlabel=t("N: days since registration", "N：注册后第几日"),
        ylabel=t("retention", "留存率"),
        title=t("All users, every N", "全体用户，逐日"),
        xlim=(0, LAST_DAY),
        ylim=(0, 1),
    )
    left.legend(loc="upper right", fontsize=9)

    cohorts = frame[(frame["view"] == "cohort") & (frame["users"] > 0)]
    error = [cohorts["rate"] - cohorts["low"], cohorts["high"] - cohorts["rate"]]
    right.errorbar(
        cohorts["cohort"],
        cohorts["rate"],
        yerr=error,
        fmt="o-",
        color=_colour(definition),
        lw=1.4,
        capsize=2,
        ms=4,
    )
    units = {"week": t("week", "周"), "month": t("month", "月"), "quarter": t("quarter", "季度")}
    right.set(
        xlabel=t(f"{units[grain]} of registration", f"注册{units[grain]}"),
        title=t(
            f"Cohort by cohort: {name(definition, day, width)}", f"逐个同期群：{name(definition, day, width)}"
        ),
    )
    right.set_ylim(0, None)
    shown = cohorts["cohort"].iloc[:: -(-len(cohorts) // 6) or 1]
    right.set_xticks(shown, labels=shown.dt.strftime("%m-%d" if grain == "week" else "%Y-%m"))
    for axes in (left, right):
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    return sentence(frame, definition=definition, day=day, width=width)


def sentence(frame: pd.DataFrame, *, definition: Definition, day: int, width: int) -> str:
    """Return the picture's message in one sentence, for those who cannot see it."""
    curve = frame[(frame["view"] == "curve") & (frame["day"] == day)].set_index("definition")["rate"]
    shares = {
        kind: f"{curve[kind]:.1%}" if kind in curve.index else t("not known yet", "尚不可知")
        for kind in DEFINITIONS
    }
    said = t("; ", "；").join(
        t(f"{name(kind, day, width)}: {shares[kind]}", f"{name(kind, day, width)}：{shares[kind]}")
        for kind in DEFINITIONS
    )
    return t(f"The same users, three retentions. {said}.", f"同一批用户，三个留存率。{said}。")


def explore(people: pd.DataFrame, ages: pd.DataFrame) -> _base.Explorer:
    """Show the explorer.

    Args:
        people: ``user_id``, ``start``, ``observed``.
        ages: ``user_id``, ``age``.
    """
    return _base.explorer(
        compute=partial(compute, panel(people, ages)),
        draw=draw,
        describe=sentence,
        controls={
            "definition": _base.Choice(
                ("definition", "口径"),
                {
                    ("on day N", "第 N 日当天"): "on",
                    ("any day of a bracket from day N", "从第 N 日起的一段区间内"): "bracket",
                    ("on or after day N", "第 N 日及以后"): "unbounded",
                },
            ),
            "day": _base.Slider(("N (days since registration)", "N（注册后第几日）"), 1, 90, value=30),
            "width": _base.Slider(("length of the bracket (days)", "区间长度（天）"), 2, 30, value=7),
            "grain": _base.Choice(
                ("cohort", "同期群"),
                {("week", "按周"): "week", ("month", "按月"): "month", ("quarter", "按季度"): "quarter"},
                value="month",
            ),
        },
        title=("The same users, three retentions", "同一批用户，三个留存率"),
        figsize=(10.0, 4.2),
    )


def bench_data() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the arguments of ``explore`` for the benchmark."""
    return shipped_lives()
