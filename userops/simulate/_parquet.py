"""Parquet files whose bytes depend on nothing but the frame."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# Sorted identifiers and times shrink most as differences; repeated ones are left to the compressor.
_SORTED: Final = frozenset(
    (
        "event_id",
        "ts",
        "order_id",
        "message_id",
        "coupon_id",
        "sent_at",
        "issued_at",
        "created_at",
        "registered_at",
    )
)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write one Parquet file; the same frame gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name].dtype)]
    whole = ("int64", "Int64", "datetime64[us]")
    differences = [name for name in frame.columns if name in _SORTED and str(frame[name].dtype) in whole]
    pq.write_table(
        pa.Table.from_pandas(frame, preserve_index=False),
        path,
        compression="zstd",
        compression_level=12,
        use_dictionary=text or False,
        column_encoding=dict.fromkeys(differences, "DELTA_BINARY_PACKED") or None,
        row_group_size=1_000_000,
    )
