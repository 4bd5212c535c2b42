"""A whole company: in memory for a small one, written in parts for a large one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from userops.errors import CourseError
from userops.schema.tables import TABLES
from userops.simulate import media, parameters
from userops.simulate._parquet import write_table
from userops.simulate.block import BLOCK_USERS, Block, make_block
from userops.simulate.catalogue import WELCOME_ID, Catalogue, ad_campaigns, catalogue, promotion_id
from userops.simulate.effects import counterfactuals, planted
from userops.simulate.people import Adverts, adverts
from userops.simulate.raw_exports import write_raw

DEFAULT_USERS = 20_000
DEFAULT_SEED = 2025


def sample_dataset(users: int = DEFAULT_USERS, seed: int = DEFAULT_SEED) -> dict[str, pd.DataFrame]:
    """Return every table of a company of ``users`` registered users, held in memory.

    The same arguments give the same tables, on every machine. Meant for up to about 100,000 users;
    ``simulate`` writes larger companies in parts.

    Raises:
        CourseError: fewer than 50 users.
    """
    shelf, ads, blocks = _start(users, seed, BLOCK_USERS)
    made = [make_block(size, seed, number, shelf, ads) for number, size in enumerate(blocks)]
    tables = {
        name: pd.concat([block.tables[name] for block in made], ignore_index=True) if len(made) > 1 else frame
        for name, frame in made[0].tables.items()
    }
    tracked = np.sum([block.tracked for block in made], axis=0)
    tables |= shared_tables(shelf, ads, tracked, seed)
    return {name: tables[name] for name in TABLES}


def _start(users: int, seed: int, block_users: int) -> tuple[Catalogue, Adverts, list[int]]:
    if users < 50:
        raise CourseError(f"A company of {users} users is too small to simulate: ask for 50 or more.")
    blocks = [min(block_users, users - first) for first in range(0, users, block_users)]
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
            "category": pd.array(np.array(tuple(parameters.CATEGORY))[shelf.category], dtype="str"),
            "brand": pd.array(shelf.brand, dtype="str"),
            "price": shelf.price / 100,
            "cost": shelf.cost / 100,
            "launched_on": (parameters.EPOCH + shelf.launched.astype("timedelta64[D]")).astype(
                "datetime64[us]"
            ),
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
    rows = [
        (WELCOME_ID, "Welcome coupon", "新人礼券", "welcome", 0, parameters.DAYS - 1, 120_000, "first_order")
    ]
    budgets = (60_000, 40_000, 40_000, 180_000, 40_000, 60_000, 320_000, 90_000, *(15_000,) * 7)
    for place, (en, zh, first, last, *_) in enumerate(parameters.PROMOTIONS):
        goal = "repeat_orders" if en.startswith("Member Week") else "revenue"
        rows.append((promotion_id(place), en, zh, "promotion", first, last, budgets[place], goal))
    for item, spend in zip(ad_campaigns(), ads.spend, strict=True):
        budget = int(round(spend.sum() / 100 * 1.05, -3))
        rows.append(
            (item.campaign_id, item.name_en, item.name_zh, "ads", item.first, item.last, budget, "new_users")
        )
    frame = pd.DataFrame(
        rows, columns=["campaign_id", "name_en", "name_zh", "kind", "starts_on", "ends_on", "budget", "goal"]
    )
    for column in ("starts_on", "ends_on"):
        frame[column] = media.stamps(frame[column].to_numpy() * parameters.DAY)
    frame["budget"] = frame["budget"].astype("float64")
    return frame.astype(dict.fromkeys(("name_en", "name_zh", "kind", "goal"), "str"))


def simulate(
    out: Path,
    users: int = DEFAULT_USERS,
    seed: int = DEFAULT_SEED,
    *,
    workers: int = 1,
    block_users: int = BLOCK_USERS,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write a company's tables to ``out`` and the truth to ``out/truth``; return the number of events.

    Up to one block of users every table is one file, ``events.parquet``; beyond that the tables that grow
    with the users are folders of parts, ``events/part-0000.parquet``, and memory stays that of one block a
    worker. The dirty exports and ``truth/effects.json`` are made of a company of one block only.

    Args:
        block_users: users a block; another size makes another company.
        workers: processes that make blocks; what is written does not depend on it.
        progress: called with the number of users done since the last call.

    Raises:
        CourseError: fewer than 50 users.
    """
    shelf, ads, blocks = _start(users, seed, block_users)
    out.mkdir(parents=True, exist_ok=True)
    tracked = np.zeros((len(ads.campaigns), parameters.DAYS), dtype=np.int64)
    events = 0
    if len(blocks) == 1:
        block = make_block(users, seed, 0, shelf, ads)
        _write(block, out, None)
        tracked, events = block.tracked, len(block.tables["events"])
        write_raw(block.tables, out / "raw", out / "truth", seed)
        found = planted(counterfactuals(users, seed, shelf, ads, block), block.truth)
        text = (
            json.dumps({"users": users, "seed": seed, "effects": found}, indent=2, ensure_ascii=False) + "\n"
        )
        (out / "truth" / "effects.json").write_text(text, encoding="utf-8")
        if progress is not None:
            progress(users)
    else:
        jobs = [(out, users, seed, block_users, number) for number in range(len(blocks))]
        for number, (seen, made) in enumerate(_run(jobs, workers)):
            tracked, events = tracked + seen, events + made
            if progress is not None:
                progress(blocks[number])
    for name, frame in shared_tables(shelf, ads, tracked, seed).items():
        write_table(frame, out / f"{name}.parquet")
    return events


Job = tuple[Path, int, int, int, int]


def _run(jobs: list[Job], workers: int) -> Iterator[tuple[np.ndarray, int]]:
    if workers <= 1:
        yield from map(_part, jobs)
        return
    # Fresh processes: forking one that has threads (pyarrow) may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_part, jobs)


def _part(job: Job) -> tuple[np.ndarray, int]:
    """Make and write one block of a large company; return its counted touches and number of events."""
    out, users, seed, block_users, number = job
    shelf, ads, blocks = _start(users, seed, block_users)
    block = make_block(blocks[number], seed, number, shelf, ads)
    _write(block, out, number)
    return block.tracked, len(block.tables["events"])


def _write(block: Block, out: Path, number: int | None) -> None:
    def path(folder: Path, name: str) -> Path:
        return folder / f"{name}.parquet" if number is None else folder / name / f"part-{number:04d}.parquet"

    for name, frame in block.tables.items():
        write_table(frame, path(out, name))
    write_table(block.truth, path(out / "truth", "users"))
