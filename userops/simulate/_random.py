"""Random streams and the few vectorised draws that the generator needs.

Each block of users and each step has its own stream, keyed by (seed, block, step), so that a step may
change without disturbing the others, and blocks can be made in any order or on different machines.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def stream(seed: int, block: int, step: str) -> np.random.Generator:
    """Return the generator of one step of one block (block −1: what all blocks share)."""
    sequence = np.random.SeedSequence([seed, block + 1, zlib.crc32(step.encode())])
    return np.random.Generator(np.random.PCG64(sequence))


def pick(rng: np.random.Generator, weights: Floats, rows: Ints) -> Ints:
    """Draw a column for each entry of ``rows`` from that row of ``weights`` (rows need not sum to 1)."""
    weights = np.atleast_2d(weights)
    width = weights.shape[1]
    cumulative = np.cumsum(weights, axis=1)
    cumulative /= cumulative[:, -1:]
    flat = (cumulative + np.arange(len(weights))[:, None]).ravel()
    found = np.searchsorted(flat, rows + rng.random(len(rows)), side="right") - rows * width
    drawn: Ints = np.clip(found, 0, width - 1)
    return drawn


def pick_own(rng: np.random.Generator, cumulative: Floats, rows: Ints) -> Ints:
    """Draw a column for each entry of ``rows``, whose cumulative weights (ending in 1) are given."""
    draw = rng.random(len(rows))
    found = np.zeros(len(rows), dtype=np.int64)
    for column in range(cumulative.shape[1] - 1):
        found += draw > cumulative[rows, column]
    return found


def chance(rng: np.random.Generator, probability: Floats | float, size: int) -> Bools:
    """Return True with the given probability, one draw an entry."""
    return rng.random(size) < probability


def sigmoid(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))


def rank_within(groups: Ints) -> Ints:
    """Return 0, 1, 2 … within each run of equal values of a sorted array.

    >>> rank_within(np.array([5, 5, 7, 9, 9, 9])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    if len(groups) == 0:
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    lengths = np.diff(np.r_[starts, len(groups)])
    return np.arange(len(groups)) - np.repeat(starts, lengths)


def running_sum(values: Ints, groups: Ints) -> Ints:
    """Return the running sum within each run of equal values of the sorted array ``groups``.

    >>> running_sum(np.array([1, 2, 3, 4]), np.array([7, 7, 8, 8])).tolist()
    [1, 3, 3, 7]
    """
    if len(groups) == 0:
        return np.zeros(0, dtype=np.int64)
    total = np.cumsum(values)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    lengths = np.diff(np.r_[starts, len(groups)])
    return total - np.repeat(total[starts] - values[starts], lengths)
