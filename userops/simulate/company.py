"""A whole company: in memory for a small one, written in parts for a large one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from userops.errors import CourseError
from userops.simulate import media, plan
from userops.simulate.block import BLOCK_USERS, Block, make_block
from userops.simulate.catalogue import WELCOME_ID, Catalogue, ad_campaigns, catalogue, promotion_id
from userops.simulate.people import Adverts, adverts
from userops.tables import TABLES

DEFAULT_USERS = 20_000
DEFAULT_SEED = 2025


def company(users: int = DEFAULT_USERS, seed: int = DEFAULT_SEED) -> dict[str, pd.DataFrame]:
    """Return every table of a company of ``users`` registered users, held in memory.

    The same arguments give the same tables, on every machine. Meant for up to about 100,000 users;
    ``simulate`` writes larger companies in parts.

    Raises:
        CourseError: fewer than 50 users.
    """
    shelf, ads, blocks = _start(users, seed)
    made = [make_block(size, seed, number, shelf, ads) for number, size in enumerate(blocks)]
    tables = {
        name: pd.concat([block.tables[name] for block in made], ignore_index=True) if len(made) > 1 else frame
        for name, frame in made[0].tables.items()
    }
    tracked = np.sum([block.tracked for block in made], axis=0)
    tables |= shared_tables(shelf, ads, tracked, seed)
    return {name: tables[name] for name in TABLES}


def _start(users: int, seed: int) -> tuple[Catalogue, Adverts, list[int]]:
    if users < 50:
        raise CourseError(f"A company of {users} users is too small to simulate: ask for 50 or more.")
    blocks = [min(BLOCK_USERS, users - first) for first in range(0, users, BLOCK_USERS)]
    if len(blocks) > 1 and blocks[-1] < 50:
        blocks[-2:] = [blocks[-2] + blocks[-1]]
    return catalogue(seed), adverts(users, seed), blocks


def shared_tables(shelf: Catalogue, ads: Adverts, tracked: np.ndarray, seed: int) -> dict[str, pd.DataFrame]:
    """Return the tables that do not grow with the users."""
    products = pd.DataFrame(
        {
            "product_id": np.arange(1, len(shelf.price) + 1),
            "name_en": pd.array(shelf.name_en, dtype="str"),
            "name_zh": pd.array(shelf.name_zh, dtype="str"),
            "category": pd.array(np.array(tuple(plan.CATEGORY))[shelf.category], dtype="str"),
            "brand": pd.array(shelf.brand, dtype="str"),
            "price": shelf.price / 100,
            "cost": shelf.cost / 100,
            "launched_on": (plan.EPOCH + shelf.launched.astype("timedelta64[D]")).astype("datetime64[us]"),
        }
    )
    return {
        "products": products,
        "campaigns": _campaigns(ads),
        "ad_spend": media.ad_spend(ads, tracked, seed),
        "content": media.content(seed),
        "live_minutes": media.live_minutes(seed),
        "market": media.market(seed),
    }


def _campaigns(ads: Adverts) -> pd.DataFrame:
    rows = [(WELCOME_ID, "Welcome coupon", "新人礼券", "welcome", 0, plan.DAYS - 1, 120_000, "first_order")]
    budgets = (60_000, 40_000, 40_000, 180_000, 40_000, 60_000, 320_000, 90_000)
    for place, (en, zh, first, last, *_) in enumerate(plan.PROMOTIONS):
        rows.append((promotion_id(place), en, zh, "promotion", first, last, budgets[place], "revenue"))
    for item, spend in zip(ad_campaigns(), ads.spend, strict=True):
        budget = int(round(spend.sum() / 100 * 1.05, -3))
        rows.append(
            (item.campaign_id, item.name_en, item.name_zh, "ads", item.first, item.last, budget, "new_users")
        )
    frame = pd.DataFrame(
        rows, columns=["campaign_id", "name_en", "name_zh", "kind", "starts_on", "ends_on", "budget", "goal"]
    )
    for column in ("starts_on", "ends_on"):
        frame[column] = media.stamps(frame[column].to_numpy() * plan.DAY)
    frame["budget"] = frame["budget"].astype("float64")
    return frame.astype(dict.fromkeys(("name_en", "name_zh", "kind", "goal"), "str"))


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write one Parquet file; the same frame gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    text = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name].dtype)]
    numbers = {
        name: "DELTA_BINARY_PACKED"
        for name in frame.columns
        if str(frame[name].dtype) in ("int64", "Int64", "datetime64[us]")
    }
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=12,
        use_dictionary=text or False,
        column_encoding=_encodings(frame, numbers),
        row_group_size=1_000_000,
        store_schema=True,
    )


# Sorted identifiers and times shrink most as differences; repeated ones are left to the compressor.
_SORTED = {
    "event_id",
    "ts",
    "order_id",
    "message_id",
    "coupon_id",
    "sent_at",
    "issued_at",
    "created_at",
    "registered_at",
}


def _encodings(frame: pd.DataFrame, numbers: dict[str, str]) -> dict[str, str] | None:
    return {name: encoding for name, encoding in numbers.items() if name in _SORTED} or None


def simulate(
    out: Path,
    users: int = DEFAULT_USERS,
    seed: int = DEFAULT_SEED,
    *,
    progress: Callable[[int, int, Block], None] | None = None,
) -> int:
    """Write a company's tables to ``out`` and the truth to ``out/truth``; return the number of events.

    Up to one block of users every table is one file, ``events.parquet``; beyond that the tables that grow
    with the users are folders of parts, ``events/part-0000.parquet``, and memory stays that of one block.
    """
    shelf, ads, blocks = _start(users, seed)
    out.mkdir(parents=True, exist_ok=True)
    tracked: np.ndarray | None = None
    events = 0
    for number, size in enumerate(blocks):
        block = make_block(size, seed, number, shelf, ads)
        for name, frame in block.tables.items():
            write_table(frame, _part(out, name, number, len(blocks)))
        write_table(block.truth, _part(out / "truth", "users", number, len(blocks)))
        tracked = block.tracked if tracked is None else tracked + block.tracked
        events += len(block.tables["events"])
        if progress is not None:
            progress(number + 1, len(blocks), block)
    assert tracked is not None
    for name, frame in shared_tables(shelf, ads, tracked, seed).items():
        write_table(frame, out / f"{name}.parquet")
    note = {"users": users, "seed": seed}
    (out / "truth" / "company.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return events


def _part(folder: Path, name: str, number: int, blocks: int) -> Path:
    return folder / f"{name}.parquet" if blocks == 1 else folder / name / f"part-{number:04d}.parquet"
