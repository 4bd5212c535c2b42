"""``userops data``: simulate, validate and describe, with an exit status and a sentence for every fault."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from autograder.cli import main
from userops import use_language
from userops.schema.tables import TABLES


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "new" / "small"
    assert main(["data", "simulate", "--users", "120", "--seed", "4", "--out", str(out), "--quiet"]) == 0
    return out


def test_simulate_writes_every_table_and_leaves_nothing_beside(made: Path) -> None:
    assert {path.stem for path in made.glob("*.parquet")} == set(TABLES)
    assert [path.name for path in made.parent.iterdir()] == ["small"]


def test_simulate_overwrites_nothing(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (made / "users.parquet").read_bytes()
    assert main(["data", "simulate", "--users", "120", "--out", str(made)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert (made / "users.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--users", "3"], "too small"), (["--seed", "-1"], "seed must be 0")]
)
def test_simulate_tells_what_it_cannot_do(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "simulate", "--out", str(tmp_path / "x"), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["data", "simulate", "--users", "50", "--out", str(tmp_path / "file" / "x")]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_validate_finds_sound_tables_sound(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "validate", str(made)]) == 0
    assert "20 tables" in capsys.readouterr().out


def test_validate_names_faults_and_exits_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    use_language("en")
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "community.csv", index=False)
    assert main(["data", "validate", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "community.group_id (1 row): the column is missing" in out
    assert "5 problems" in out
    assert main(["data", "validate", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["column"] == "group_id"


def test_validate_reads_a_column_mapping(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = pd.read_parquet(made / "orders.parquet").rename(columns={"user_id": "buyer"})
    orders.to_parquet(tmp_path / "orders.parquet")
    names = tmp_path / "names.json"
    names.write_text('{"orders": {"buyer": "user_id"}}', encoding="utf-8")
    assert main(["data", "validate", str(tmp_path)]) == 1
    assert main(["data", "validate", str(tmp_path), "--columns", str(names)]) == 0
    capsys.readouterr()
    assert main(["data", "validate", str(tmp_path), "--columns", str(tmp_path / "none.json")]) == 2
    assert "column mapping" in capsys.readouterr().err


def test_validate_takes_a_company_in_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from userops.simulate import simulate

    simulate(tmp_path, 200, 4, block_users=100)
    assert main(["data", "validate", str(tmp_path)]) == 0
    part = tmp_path / "orders" / "part-0001.parquet"
    orders = pd.read_parquet(part)
    orders.loc[0, "amount"] += 1
    orders.to_parquet(part)
    capsys.readouterr()
    assert main(["data", "validate", str(tmp_path)]) == 1
    assert "orders.amount (1 " in capsys.readouterr().out.replace("1 行", "1 row").replace("（", " (")


def test_describe_prints_tables_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    use_language("zh")
    assert main(["data", "describe", "orders"]) == 0
    assert "应付金额" in capsys.readouterr().out
    use_language("en")
    assert main(["data", "describe"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n{name} · " in printed for name in TABLES)
    assert main(["data", "describe", "orders", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["key"] == ["order_id"]
    assert described["columns"][0]["zh"] == "订单编号"


def test_describe_tells_an_unknown_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "describe", "basket"]) == 2
    assert "no table 'basket'" in capsys.readouterr().err
