"""Chapter 7's common ground: the data team's wide table, and one segmentation everybody talks about.

``wide_table`` is made by a nightly job in the chapter's story; ``team_segments`` lets a learner whose own
segments went astray go on with the rest of the chapter.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from userops.explorers._habits import HABITS, MIN_VISITS, SKEWED, label, prepare, wide_table

__all__ = ["HABITS", "MIN_VISITS", "SKEWED", "choose_k", "label", "letters", "team_segments", "wide_table"]


def letters(labels: np.ndarray | pd.Series, index: pd.Index | None = None) -> pd.Series:
    """Return labels as letters by size, ``A`` the largest: a name that says nothing, and survives a rerun.

    Args:
        labels: one label a user, any values.
        index: the users, if ``labels`` has no index of its own.

    Returns:
        A Series of the letters, named ``segment``.
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
    table: pd.DataFrame, counts: Iterable[int] = range(2, 11), *, rounds: int = 6, seed: int = 0
) -> pd.DataFrame:
    """Return three criteria for the number of segments, on the scaled habits of ``table``.

    Args:
        table: from ``wide_table``.
        counts: the numbers of segments to try.
        rounds: pairs of bootstrap samples for the stability.
        seed: of the resampling.

    Returns:
        One row a number: ``k``, ``inertia``, ``silhouette`` (of at most 2,000 users), ``stability`` (mean
        adjusted Rand index of k-means fits on two bootstrap samples, compared on all users).
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    points = prepare(table).to_numpy()
    rng = np.random.default_rng(seed)
    shown = np.sort(rng.permutation(len(points))[:2000])
    found = []
    for k in counts:
        model = KMeans(k, n_init=10, random_state=0).fit(points)
        pairs = [
            [
                KMeans(k, n_init=5, random_state=0)
                .fit(points[rng.integers(0, len(points), len(points))])
                .predict(points)
                for _ in range(2)
            ]
            for _ in range(rounds)
        ]
        found.append(
            {
                "k": k,
                "inertia": model.inertia_,
                "silhouette": silhouette_score(points[shown], model.labels_[shown]),
                "stability": float(np.mean([adjusted_rand_score(*pair) for pair in pairs])),
            }
        )
    return pd.DataFrame(found)
