"""Chapter 7's common ground: the data team's wide table, and one segmentation everybody talks about.

``wide_table`` is made by a nightly job in the chapter's story; ``team_segments`` lets a learner whose own
segments went astray go on with the rest of the chapter; ``choose_k`` computes three criteria for the number of
segments; ``interviews`` reads what people said themselves. The explorer ``segment_count`` names its segments
with ``letters``; it and ``unit_vote`` are measured on ``shipped_table``.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pandas as pd

from userops._load import load
from userops.lessons.habits import HABITS, MIN_VISITS, SKEWED, label, prepare, wide_table

__all__ = [
    "HABITS",
    "MIN_VISITS",
    "SKEWED",
    "choose_k",
    "interviews",
    "label",
    "letters",
    "shipped_table",
    "team_segments",
    "wide_table",
]


def interviews() -> pd.DataFrame:
    """Return what the research team wrote down: 400 users drawn at random from the wide table of 2025-12-01.

    Returns:
        The shipped company's table ``interviews``: ``user_id``, ``interviewed_on`` (a weekday of December
        2025) and ``persona`` (a key of ``userops.schema.PERSONAS``), one row a user.
    """
    return load("interviews")


def letters(labels: np.ndarray | pd.Series, index: pd.Index | None = None) -> pd.Series:
    """Return labels as letters by size, ``A`` the largest: a name that says nothing, and survives a rerun.

    Args:
        labels: one label a user, any values.
        index: the users, if ``labels`` has no index of its own.

    Returns:
        A Series of the letters, named ``segment``.

    >>> letters(np.array([2, 0, 2, 1, 1, 2])).tolist()
    ['A', 'C', 'A', 'B', 'B', 'A']
    """
    series = labels if isinstance(labels, pd.Series) else pd.Series(np.asarray(labels), index=index)
    by_size = (
        series.value_counts(sort=False).sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    )
    names = {old: chr(ord("A") + place) for place, old in enumerate(by_size.index)}
    return series.map(names).rename("segment")


def team_segments(table: pd.DataFrame, *, k: int = 6) -> pd.Series:
    """Return the team's segments of the users in ``table`` (from ``wide_table``): k-means on the scaled habits.

    Returns:
        A Series indexed like ``table``, of letters by size.
    """
    from sklearn.cluster import KMeans

    model = KMeans(n_clusters=k, n_init=10, random_state=7)
    return letters(model.fit_predict(prepare(table).to_numpy()), index=table.index)


def choose_k(
    table: pd.DataFrame, counts: Iterable[int] = range(2, 9), *, samples: int = 8, seed: int = 2
) -> pd.DataFrame:
    """Return three criteria for the number of segments, on the scaled habits of ``table``.

    Args:
        table: from ``wide_table``.
        counts: the numbers of segments to try.
        samples: bootstrap samples of the users for the stability.
        seed: of the resampling.

    Returns:
        One row a number: ``k``, ``inertia``, ``silhouette`` (of at most 2,000 users), ``stability`` (mean
        adjusted Rand index over all pairs of k-means fits on bootstrap samples, compared on all users).
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    points = prepare(table).to_numpy()
    rng = np.random.default_rng(seed)
    shown = np.sort(rng.permutation(len(points))[:2000])
    drawn = [rng.integers(0, len(points), len(points)) for _ in range(samples)]
    found = []
    for k in counts:
        model = KMeans(k, n_init=10, random_state=0).fit(points)
        fits = [KMeans(k, n_init=5, random_state=0).fit(points[rows]).predict(points) for rows in drawn]
        agreement = [adjusted_rand_score(one, two) for one, two in combinations(fits, 2)]
        found.append(
            {
                "k": k,
                "inertia": model.inertia_,
                "silhouette": silhouette_score(points[shown], model.labels_[shown]),
                "stability": float(np.mean(agreement)),
            }
        )
    return pd.DataFrame(found)


def shipped_table() -> pd.DataFrame:
    """Return the wide table of the shipped company at 2025-12-01, with ``spend``: what benchmarks run on."""
    events = load("events", columns=["user_id", "session_id", "ts", "event", "product_id"])
    table = wide_table(events, load("products"), before="2025-12-01")
    orders = load("orders", columns=["user_id", "status", "paid_at", "amount"])
    paid = orders[(orders["status"] == "paid") & (orders["paid_at"] < pd.Timestamp("2025-12-01"))]
    return table.assign(spend=paid.groupby("user_id")["amount"].sum().reindex(table.index).fillna(0.0))
