"""The generator: the same seed gives the same bytes, at any size, in blocks that fit together."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from userops import data_folder
from userops.errors import CourseError
from userops.schema.tables import TABLES
from userops.schema.validation import read_folder, validate
from userops.simulate import sample_dataset, simulate

USERS, BLOCK = 1_000, 400


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company of three blocks, written in parts."""
    out = tmp_path_factory.mktemp("parts")
    done: list[int] = []
    simulate(out, USERS, 5, block_users=BLOCK, progress=done.append)
    assert done == [400, 400, 200]
    return out


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from userops.simulate import simulate; simulate(Path(sys.argv[1]), 300, 5)"
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name)], env=_environment(threads))
        for name, threads in (("a", "1"), ("b", "2"))
    ]
    assert [run.wait() for run in runs] == [0, 0]
    first = digests(tmp_path / "a")
    assert first == digests(tmp_path / "b")
    assert {f"{name}.parquet" for name in TABLES} <= set(first)
    assert {"raw/users_export.csv", "truth/users.parquet", "truth/effects.json"} <= set(first)


def _environment(threads: str) -> dict[str, str]:
    # Another hash seed, another number of threads and an older processor must not show.
    older = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3"} if threads == "2" else {}
    return {**os.environ, "PYTHONHASHSEED": threads, "OMP_NUM_THREADS": threads, **older}


def test_another_seed_is_another_company() -> None:
    first, second = sample_dataset(100, 1), sample_dataset(100, 2)
    for name in ("users", "events", "orders", "products"):
        assert not first[name].equals(second[name]), name


def test_a_second_call_gives_the_same_tables() -> None:
    first, second = sample_dataset(100, 1), sample_dataset(100, 1)
    assert list(first) == list(TABLES)
    for name in TABLES:
        assert_frame_equal(first[name], second[name])


def test_the_shipped_tables_are_what_the_generator_makes() -> None:
    made = sample_dataset()
    for name, shipped in read_folder(Path(data_folder())).items():
        assert_frame_equal(made[name], shipped, obj=name)


def test_workers_do_not_change_what_is_written(parts: Path, tmp_path: Path) -> None:
    simulate(tmp_path, USERS, 5, block_users=BLOCK, workers=2)
    assert digests(tmp_path) == digests(parts)


def test_the_parts_of_a_large_company_fit_together(parts: Path) -> None:
    assert sorted(path.name for path in (parts / "events").iterdir()) == [
        f"part-000{n}.parquet" for n in range(3)
    ]
    tables = read_folder(parts)
    assert len(tables["users"]) == USERS
    order = tables["events"].sort_values("ts", kind="stable", ignore_index=True)
    assert [str(problem) for problem in validate({**tables, "events": order})] == []
    # Users of different blocks share neither sessions nor visitors nor groups.
    block = tables["users"]["user_id"].sub(10_001).floordiv(20_000)
    assert block.nunique() == 3
    owner = tables["community"].assign(block=tables["community"]["user_id"].sub(10_001).floordiv(20_000))
    assert owner.groupby("group_id")["block"].nunique().max() == 1


def test_identifiers_follow_time() -> None:
    tables = sample_dataset(100, 1)
    assert tables["users"]["registered_at"].is_monotonic_increasing
    assert tables["orders"]["created_at"].is_monotonic_increasing
    for table, name in (("users", "user_id"), ("orders", "order_id"), ("events", "event_id")):
        assert tables[table][name].is_monotonic_increasing
        assert tables[table][name].is_unique


@pytest.mark.parametrize("users", [50, 120])
def test_a_tiny_company_is_written_too(users: int, tmp_path: Path) -> None:
    assert simulate(tmp_path, users, 9) > 10 * users
    assert [str(problem) for problem in validate(read_folder(tmp_path))] == []


def test_adverts_are_billed_for_the_clicks_of_all_blocks(parts: Path) -> None:
    tables = read_folder(parts)
    touches = tables["touchpoints"].dropna(subset="campaign_id").groupby("campaign_id").size()
    clicks = tables["ad_spend"].groupby("campaign_id")["clicks"].sum()
    assert (clicks.reindex(touches.index) >= touches).all()
    assert (clicks.sum() / touches.sum()) < 4


def test_too_small_a_company_is_told() -> None:
    with pytest.raises(CourseError, match="too small"):
        sample_dataset(10, 1)


def test_the_data_folder_stays_small() -> None:
    files = [path for path in Path(data_folder()).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20e6
    raw = Path(data_folder()) / "raw"
    assert sum(path.stat().st_size for path in raw.iterdir()) < 3e6


def test_all_text_in_the_truth_stays_out_of_the_learner_s_tables() -> None:
    truth = pd.read_parquet(Path(data_folder()) / "truth" / "users.parquet")
    users = pd.read_parquet(Path(data_folder()) / "users.parquet")
    assert list(truth["user_id"]) == list(users["user_id"])
    secret = set(truth.columns) - {"user_id"}
    # The research team told the persona of those whom it interviewed, and nobody else's.
    told = {"interviews": {"persona"}}
    for name, table in TABLES.items():
        assert secret & set(table.names) == told.get(name, set()), name
    interviewed = pd.read_parquet(Path(data_folder()) / "interviews.parquet")
    assert len(interviewed) == len(users) * 0.02
