"""The schema, the validation that reads it, and the dictionary made from it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from userops import data_folder, use_language
from userops.errors import CourseError
from userops.schema import label
from userops.schema.constraints import RULES
from userops.schema.dictionary import describe, render
from userops.schema.tables import TABLES
from userops.schema.validation import read_folder, read_mapping, rename, validate
from userops.simulate import sample_dataset

Frames = dict[str, pd.DataFrame]


@cache
def _small() -> Frames:
    return sample_dataset(150, 11)


@pytest.fixture
def small() -> Frames:
    """A small company, sound until a test breaks it."""
    return {name: frame.copy() for name, frame in _small().items()}


# ---------------------------------------------------------------- the tables' descriptions
def test_every_description_stands_in_both_languages() -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]|NPS")
    for table in TABLES.values():
        assert table.en and chinese.search(table.zh), table.name
        for column in table.columns:
            assert column.en and chinese.search(column.zh), (table.name, column.name)
            assert column.missing is None or chinese.search(column.missing[1]), (table.name, column.name)
            assert column.missing is None or column.dtype not in ("int64", "bool"), (table.name, column.name)


def test_keys_and_links_name_columns_that_exist() -> None:
    for table in TABLES.values():
        assert set(table.key) <= set(table.names)
        for column, (other, other_column) in table.links.items():
            assert column in table.names
            assert other_column in TABLES[other].names


def test_label_speaks_the_language_in_force() -> None:
    use_language("en")
    assert label("users", "channel", "search_ads") == "search ads"
    use_language("zh")
    assert label("users", "channel", "search_ads") == "搜索广告"
    use_language("en")


def test_the_dictionary_is_fresh() -> None:
    shipped = (Path(data_folder()) / "README.md").read_text(encoding="utf-8")
    assert shipped == render(), "run: userops data describe --write"


def test_the_dictionary_names_every_column() -> None:
    text = render()
    for table in TABLES.values():
        section = text.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        assert all(f"| `{name}` |" in section for name in table.names)
    json.dumps([describe(table) for table in TABLES.values()])


# ---------------------------------------------------------------- sound data
def test_the_shipped_tables_are_sound() -> None:
    tables = read_folder(Path(data_folder()))
    assert list(tables) == list(TABLES)
    assert [str(problem) for problem in validate(tables)] == []


def test_the_shipped_types_are_exactly_the_schema_s() -> None:
    for name, frame in read_folder(Path(data_folder())).items():
        assert {column.name: column.dtype for column in TABLES[name].columns} == frame.dtypes.astype(
            str
        ).to_dict()


def test_a_small_company_is_sound(small: Frames) -> None:
    assert [str(problem) for problem in validate(small)] == []


def test_a_part_of_the_tables_is_enough(small: Frames) -> None:
    assert validate({"orders": small["orders"]}) == []


def test_csv_text_fits_where_nothing_is_lost(small: Frames, tmp_path: Path) -> None:
    for name in ("users", "orders", "messages"):
        small[name].to_csv(tmp_path / f"{name}.csv", index=False)
    tables = read_folder(tmp_path)
    assert set(tables) == {"users", "orders", "messages"}
    assert validate(tables) == []


# ---------------------------------------------------------------- faults: one a rule
Break = Callable[[Frames], None]


def put(table: str, column: str, value: object, row: int = 3) -> Break:
    def breaks(frames: Frames) -> None:
        frame = frames[table]
        frames[table] = frame.astype({column: "object"}) if isinstance(value, str) else frame
        frames[table].loc[row, column] = value

    return breaks


def shift(table: str, column: str, by: str, where: str) -> Break:
    """Move the first time for which ``where`` is present."""

    def breaks(frames: Frames) -> None:
        frame = frames[table]
        row = frame.index[frame[where].notna() & frame[column].notna()][0]
        frame.loc[row, column] = frame.loc[row, where] + pd.Timedelta(by)

    return breaks


def repeat(table: str) -> Break:
    def breaks(frames: Frames) -> None:
        frames[table] = pd.concat([frames[table], frames[table].iloc[[0]]], ignore_index=True)

    return breaks


def drop(table: str, column: str) -> Break:
    def breaks(frames: Frames) -> None:
        frames[table] = frames[table].drop(columns=column)

    return breaks


def early(table: str, column: str) -> Break:
    def breaks(frames: Frames) -> None:
        frame = frames[table]
        row = frame.index[frame["user_id"].notna()][0]
        frame.loc[row, column] = pd.Timestamp("2024-12-31")

    return breaks


def lose_payment(frames: Frames) -> None:
    events = frames["events"]
    frames["events"] = events.drop(index=events.index[events["event"] == "payment"][0])


def lose_order(frames: Frames) -> None:
    orders = frames["orders"]
    frames["orders"] = orders.drop(index=orders.index[orders["paid_at"].notna()][0]).reset_index(drop=True)


def lose_line(frames: Frames) -> None:
    frames["order_items"] = frames["order_items"].iloc[1:]


def swap_coupon(frames: Frames) -> None:
    orders, coupons = frames["orders"], frames["coupons"]
    row = orders.index[orders["coupon_id"].notna()][0]
    others = coupons.loc[coupons["user_id"] != orders.loc[row, "user_id"], "coupon_id"]
    orders.loc[row, "coupon_id"] = others.iloc[0]


def unlaunch(frames: Frames) -> None:
    frames["products"]["launched_on"] = pd.Timestamp("2025-12-30")


def read_the_held_out(frames: Frames) -> None:
    messages = frames["messages"]
    row = messages.index[messages["holdout"]][0]
    messages.loc[row, "opened_at"] = messages.loc[row, "sent_at"] + pd.Timedelta("1h")


def refund_a_paid_order(frames: Frames) -> None:
    orders = frames["orders"]
    orders.loc[orders.index[orders["status"] == "paid"][0], "refunded_at"] = pd.Timestamp("2025-12-31 23:00")


def change_visitor(frames: Frames) -> None:
    events = frames["events"]
    events.loc[events.index[events["session_id"].duplicated()][0], "visitor_id"] = 1_234_567


def zone(frames: Frames) -> None:
    frames["orders"]["created_at"] = frames["orders"]["created_at"].dt.tz_localize("Asia/Shanghai")


FAULTS: dict[str, tuple[Break, str, str, str]] = {
    "missing column": (drop("users", "channel"), "users", "channel", "column is missing"),
    "text for a number": (put("users", "city_tier", "one"), "users", "city_tier", "not a whole number"),
    "text for a time": (put("users", "registered_at", "soon"), "users", "registered_at", "not a time"),
    "a zone": (zone, "orders", "created_at", "without a zone"),
    "a fraction": (put("users", "birth_year", "1990.5"), "users", "birth_year", "not a whole number"),
    "unknown value": (put("users", "channel", "tv"), "users", "channel", "unknown values (tv)"),
    "out of range": (put("users", "city_tier", 9), "users", "city_tier", "out of range (9)"),
    "impossible age": (put("users", "birth_year", 1880), "users", "birth_year", "out of range (1880)"),
    "absent": (put("orders", "province", None), "orders", "province", "values are missing"),
    "key twice": (repeat("users"), "users", "user_id", "is not unique"),
    "two-part key twice": (repeat("order_items"), "order_items", "order_id, product_id", "is not unique"),
    "unknown user": (put("orders", "user_id", 5), "orders", "user_id", "no such user_id in users"),
    "unknown product": (put("order_items", "product_id", 9999), "order_items", "product_id", "no such product_id"),
    "lost line": (lose_line, "orders", "items_total", "sum of its lines"),
    "wrong amount": (put("orders", "amount", 5.0), "orders", "amount", "items_total − discount + shipping"),
    "half a cent": (put("orders", "shipping", 8.005), "orders", "shipping", "exact to a cent"),
    "status": (refund_a_paid_order, "orders", "status", "does not fit paid_at"),
    "paid before made": (shift("orders", "paid_at", "-1s", "created_at"), "orders", "paid_at", "before created_at"),
    "refund before payment": (shift("orders", "refunded_at", "-1s", "paid_at"), "orders", "refunded_at", "before paid_at"),
    "no payment event": (lose_payment, "orders", "paid_at", "no payment event"),
    "no order": (lose_order, "events", "event", "without a paid order"),
    "two visitors": (change_visitor, "events", "session_id", "several visitors"),
    "not sorted": (put("events", "ts", pd.Timestamp("2025-01-01"), 500), "events", "ts", "sort the table"),
    "before launch": (unlaunch, "events", "product_id", "before the product's launch"),
    "another's coupon": (swap_coupon, "orders", "coupon_id", "belongs to another user"),
    "overdrawn": (put("points", "delta", -10**6), "points", "delta", "below zero"),
    "held out, read": (read_the_held_out, "messages", "holdout", "nothing was sent"),
    "opened before sent": (shift("messages", "opened_at", "-1s", "sent_at"), "messages", "opened_at", "before sent_at"),
    "clicked before opened": (shift("messages", "clicked_at", "-1s", "opened_at"), "messages", "clicked_at", "before opened_at"),
    "redeemed before issued": (shift("coupons", "redeemed_at", "-1s", "issued_at"), "coupons", "redeemed_at", "before issued_at"),
    "answered before asked": (shift("tickets", "first_response_at", "-1s", "created_at"), "tickets", "first_response_at", "before created_at"),
    "resolved before answered": (shift("tickets", "resolved_at", "-1s", "first_response_at"), "tickets", "resolved_at", "before first"),
    "came before invited": (shift("referrals", "registered_at", "-1s", "invited_at"), "referrals", "registered_at", "before invited_at"),
    "left before joined": (shift("community", "left_at", "-1s", "joined_at"), "community", "left_at", "before joined_at"),
    "survey": (shift("surveys", "answered_at", "-1s", "sent_at"), "surveys", "answered_at", "before sent_at"),
    "campaign": (shift("campaigns", "ends_on", "-1D", "starts_on"), "campaigns", "ends_on", "before starts_on"),
    **{
        f"{table} before registration": (early(table, column), table, column, "before the user's registration")
        for table, column in (
            ("events", "ts"),
            ("orders", "created_at"),
            ("coupons", "issued_at"),
            ("points", "ts"),
            ("messages", "sent_at"),
            ("experiments", "exposed_at"),
            ("community", "joined_at"),
            ("tickets", "created_at"),
            ("surveys", "sent_at"),
            ("interviews", "interviewed_on"),
        )
    },
}  # fmt: skip


def related(table: str) -> set[str]:
    """Return the tables that the rules and links of one table read (the others only cost time)."""
    read = {need.split(".")[0] for rule in RULES if rule.table == table for need in rule.needs.split()}
    return {table} | read | {other for other, _ in TABLES[table].links.values()}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_with_its_table_column_and_rows(small: Frames, fault: str) -> None:
    breaks, table, column, words = FAULTS[fault]
    breaks(small)
    use_language("en")
    small = {name: frame for name, frame in small.items() if name in related(table)}
    found = [problem for problem in validate(small) if (problem.table, problem.column) == (table, column)]
    assert any(words in problem.what for problem in found), [str(problem) for problem in validate(small)]
    assert all(problem.rows >= 1 for problem in found)


def test_every_rule_is_fed_its_fault() -> None:
    fed = {(table, column) for _, table, column, _ in FAULTS.values()}
    cents = {("orders", name) for name in ("items_total", "discount", "amount")}
    assert {(rule.table, rule.column) for rule in RULES} - fed - cents == set()


def test_a_problem_is_one_sentence_in_either_language(small: Frames) -> None:
    small["orders"].loc[[2, 5], "status"] = "lost"
    use_language("en")
    (english,) = [str(problem) for problem in validate({"orders": small["orders"]})]
    assert english == "orders.status (2 rows): unknown values (lost); use one of: paid, cancelled, refunded."
    use_language("zh")
    (chinese,) = [str(problem) for problem in validate({"orders": small["orders"]})]
    use_language("en")
    assert chinese.startswith("orders.status（2 行）：出现未知取值（lost）")


def test_an_unknown_table_is_named() -> None:
    (problem,) = validate({"basket": pd.DataFrame({"a": [1]})})
    assert "no such table" in str(problem)


# ---------------------------------------------------------------- one's own names
def test_a_mapping_gives_one_s_own_columns_the_schema_s_names(small: Frames, tmp_path: Path) -> None:
    mine = {"orders": small["orders"].rename(columns={"user_id": "buyer", "created_at": "made"})}
    assert len(validate(mine)) == 2
    path = tmp_path / "names.json"
    path.write_text('{"orders": {"buyer": "user_id", "made": "created_at"}}', encoding="utf-8")
    assert validate(rename(mine, read_mapping(path))) == []


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"basket": {"a": "b"}}, "not in the folder"),
        ({"orders": {"customer": "user_id"}}, "your table does not have"),
        ({"orders": {"user_id": "customer"}}, "the schema does not have"),
    ],
)
def test_a_wrong_mapping_is_told(small: Frames, mapping: dict[str, dict[str, str]], words: str) -> None:
    with pytest.raises(CourseError, match=words):
        rename({"orders": small["orders"]}, mapping)


@pytest.mark.parametrize("text", ["[1]", "no json", '{"orders": 1}'])
def test_a_mapping_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "names.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match="column mapping"):
        read_mapping(path)


def test_a_folder_without_tables_is_told(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="no folder"):
        read_folder(tmp_path / "nothing")
    with pytest.raises(CourseError, match="holds none of the tables"):
        read_folder(tmp_path)
    (tmp_path / "orders.parquet").write_text("not parquet", encoding="utf-8")
    with pytest.raises(CourseError, match="cannot be read"):
        read_folder(tmp_path)
