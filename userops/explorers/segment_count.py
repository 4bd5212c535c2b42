"""Explorer: how many segments, of which habits, on which scale, and how much of it holds when the dice are rolled again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from userops import style
from userops._language import t
from userops.errors import CourseError
from userops.explorers import _base
from userops.lessons.habits import HABITS, SKEWED, label, prepare
from userops.lessons.personas import interviews as told
from userops.lessons.personas import letters, shipped_table

__all__ = ["Crowd", "compute", "crowd", "draw", "explore"]

USERS: Final = 600
"""How many users stand for all: enough for a picture, few enough to answer at once."""

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "habits": HABITS,
    "clock": ("late_share", "morning_share", "weekend_share"),
    "shelves": ("beauty_fashion", "digital", "home_food", "health", "baby", "gifts"),
    "habits_and_money": (*HABITS, "visits", "spend"),
}
PREPARATIONS: Final = ("raw", "scaled", "log_scaled")
_RESAMPLES: Final = 3


@dataclass(frozen=True, eq=False)
class Crowd:
    """A fixed draw of users: their ``table`` (habits, ``visits``, ``spend``), a ``map`` of two columns on
    which they keep their place, and their ``persona`` where an interview named it."""

    table: pd.DataFrame
    map: np.ndarray
    persona: pd.Series


def crowd(
    table: pd.DataFrame, spend: pd.Series | None = None, interviews: pd.DataFrame | None = None
) -> Crowd:
    """Draw the users whom the explorer shows; the interviewed ones are always among them.

    Args:
        table: from ``personas.wide_table``.
        spend: CNY paid by user; a user who is not in it has paid nothing.
        interviews: ``user_id`` and ``persona``.

    Raises:
        CourseError: a column is missing or there are fewer than 50 users.
    """
    lacking = [name for name in ("visits", *HABITS) if name not in table.columns]
    if lacking:
        raise CourseError(f"`table` has no column `{lacking[0]}`: pass the table of personas.wide_table().")
    if len(table) < 50:
        raise CourseError(f"`table` has {len(table)} users: the explorer needs at least 50.")
    known = pd.Series(dtype="str")
    if interviews is not None:
        known = interviews.set_index("user_id")["persona"]
    told = table.index.isin(known.index)
    rng = np.random.default_rng(7)
    others = rng.permutation(np.flatnonzero(~told))[: max(USERS - int(told.sum()), 0)]
    chosen = table.iloc[np.sort(np.concatenate([np.flatnonzero(told)[:USERS], others]))]
    paid = pd.Series(0.0, index=chosen.index) if spend is None else spend.reindex(chosen.index).fillna(0.0)
    habits = prepare(chosen).to_numpy()
    _, _, axes = np.linalg.svd(habits, full_matrices=False)
    # A singular vector's sign is free: fix it, so that the map looks the same on every machine.
    signs = np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])
    place = habits @ (axes[:2] * signs[:, None]).T
    return Crowd(chosen.assign(spend=paid.astype(float)), place, known.reindex(chosen.index))


def compute(
    data: Crowd, *, k: int = 4, habits: str = "habits", preparation: str = "log_scaled"
) -> pd.DataFrame:
    """Cluster the crowd and return what the picture shows.

    Args:
        data: from ``crowd``.
        k: number of segments, 2 to 8.
        habits: a key of ``CHOICES``: what k-means may look at.
        preparation: one of ``PREPARATIONS``.

    Returns:
        One row a user: ``x``, ``y`` (place on the map), ``segment`` (letters by size), ``silhouette`` (the
        user's own), ``stability`` (mean adjusted Rand index of fits on resampled users), ``agreement``
        (adjusted Rand index with the interviewed personas; missing without interviews), and the habits as
        z-scores, whatever k-means was allowed to see.
    """
    if habits not in CHOICES or preparation not in PREPARATIONS:
        raise CourseError(
            f"habits is one of {', '.join(CHOICES)}; preparation is one of {', '.join(PREPARATIONS)}."
        )
    return _compute(data, int(k), habits, preparation).copy()


@lru_cache(maxsize=256)
def _compute(data: Crowd, k: int, habits: str, preparation: str) -> pd.DataFrame:
    used = prepare(
        data.table,
        habits=CHOICES[habits],
        skewed=(*SKEWED, "visits", "spend"),
        log=preparation == "log_scaled",
        scale=preparation != "raw",
    ).to_numpy()
    labels = KMeans(k, n_init=4, random_state=0).fit_predict(used)
    frame = pd.DataFrame({"x": data.map[:, 0], "y": data.map[:, 1]}, index=data.table.index)
    frame["segment"] = letters(labels, index=frame.index)
    frame["silhouette"] = silhouette_samples(used, labels)
    frame["stability"] = _stability(used, k)
    told = data.persona.notna().to_numpy()
    frame["agreement"] = adjusted_rand_score(data.persona[told], labels[told]) if told.any() else np.nan
    return frame.join(prepare(data.table))


def _stability(points: np.ndarray, k: int) -> float:
    rng = np.random.default_rng(1)
    fits = [
        KMeans(k, n_init=2, random_state=0)
        .fit(points[rng.integers(0, len(points), len(points))])
        .predict(points)
        for _ in range(_RESAMPLES)
    ]
    return float(np.mean([adjusted_rand_score(one, two) for one, two in combinations(fits, 2)]))


def draw(fig: Figure, frame: pd.DataFrame) -> str:
    """Draw the frame of ``compute`` and return a sentence that says what the picture shows."""
    names = sorted(frame["segment"].unique())
    # Fixed places: fitting the layout to the labels would take longer than all the rest.
    fig.set_layout_engine("none")
    left, right = fig.add_axes((0.01, 0.12, 0.36, 0.72)), fig.add_axes((0.45, 0.31, 0.54, 0.53))
    colours = frame["segment"].map({name: style.colour(name, names) for name in names})
    left.scatter(frame["x"], frame["y"], s=9, alpha=0.65, linewidths=0, c=colours)
    left.set(xticks=[], yticks=[], title=t("users: alike means near", "用户：越像越近"))
    left.set_xlabel(t("each dot is one user", "一个点是一位用户"))
    left.grid(False)

    profile = frame.groupby("segment")[list(HABITS)].mean()
    share = frame["segment"].value_counts(normalize=True)
    right.imshow(profile.to_numpy(), cmap=style.DIVERGING, vmin=-2, vmax=2, aspect="auto")
    right.set_xticks(range(len(HABITS)), [label(h) for h in HABITS], rotation=45, ha="right", fontsize=9)
    right.set_yticks(range(len(names)), [f"{n} · {share[n]:.0%}" for n in names])
    for tick, name in zip(right.get_yticklabels(), names, strict=True):
        tick.set(color=style.colour(name, names))
    right.set_title(t("purple: above average; orange: below", "紫：高于平均；橙：低于平均"))
    right.grid(False)
    fig.text(0.01, 0.95, _measures(frame), fontsize=12)
    return sentence(frame)


def _measures(frame: pd.DataFrame) -> str:
    first = frame.iloc[0]
    silhouette, stability, agreement = frame["silhouette"].mean(), first["stability"], first["agreement"]
    text = t(
        f"silhouette {silhouette:.2f}   ·   stability {stability:.2f}",
        f"轮廓系数 {silhouette:.2f}   ·   稳定性 {stability:.2f}",
    )
    if np.isnan(agreement):
        return text
    return text + t(
        f"   ·   agreement with the interviews {agreement:.2f}", f"   ·   与访谈的一致性 {agreement:.2f}"
    )


def sentence(frame: pd.DataFrame) -> str:
    """Return the picture's message in one sentence, for those who cannot see it."""
    share = frame["segment"].value_counts(normalize=True)
    return t(
        f"{len(share)} segments; the largest holds {share.max():.0%} of the users, the smallest "
        f"{share.min():.0%}; {_measures(frame)}.",
        f"共 {len(share)} 个分群，最大的占 {share.max():.0%}，最小的占 {share.min():.0%}；{_measures(frame)}。",
    )


def explore(
    table: pd.DataFrame, spend: pd.Series | None = None, interviews: pd.DataFrame | None = None
) -> _base.Explorer:
    """Show the explorer; arguments as for ``crowd``."""
    return _base.explorer(
        compute=partial(compute, crowd(table, spend, interviews)),
        draw=draw,
        controls={
            "k": _base.Slider(("segments", "分几群"), 2, 8, value=4),
            "habits": _base.Choice(
                ("k-means looks at", "k-means 看什么"),
                {
                    ("the twelve habits", "全部 12 个习惯"): "habits",
                    ("the clock only", "只看时间"): "clock",
                    ("the shelves only", "只看品类"): "shelves",
                    ("habits, visits and money", "习惯＋访问次数＋金额"): "habits_and_money",
                },
            ),
            "preparation": _base.Choice(
                ("preparation", "预处理"),
                {
                    ("log1p and scaled", "取对数并标准化"): "log_scaled",
                    ("scaled", "只标准化"): "scaled",
                    ("raw numbers", "原始数值"): "raw",
                },
            ),
        },
        title=("How many segments?", "分几群？"),
        figsize=(9.0, 4.5),
    )


def bench_data() -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Return arguments of ``explore`` for the benchmark."""
    table = shipped_table()
    return table, table["spend"], told()
