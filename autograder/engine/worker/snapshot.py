"""Values as they stand at one moment: what a later cell does to them does not reach these."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

_SMALL: Final = 10_000  # entries of a container that are worth copying


def snapshot(value: Any) -> Any:
    """A value that later cells cannot change: frames copy lazily, small containers are copied."""
    kind = type(value)
    if kind in (pd.DataFrame, pd.Series):
        return value.copy(deep=False)
    if kind in (list, dict, set) and len(value) <= _SMALL:
        return value.copy()
    if kind is np.ndarray and value.nbytes <= 100_000:
        return value.copy()
    return value
