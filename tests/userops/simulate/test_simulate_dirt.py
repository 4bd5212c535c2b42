"""The dirty exports: every kind of dirt is there, and cleaning them gives back the clean tables."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from userops import data_folder, load
from userops.schema.tables import ORDER_STATUS, PROVINCES
from userops.simulate import raw_exports

KINDS = {
    "users_export.csv": {
        "exact_duplicate", "near_duplicate", "date_format", "full_width", "stray_spaces", "spelling",
        "impossible_age", "missing_word", "staff_account",
    },
    "orders_export.csv": {
        "exact_duplicate", "near_duplicate", "date_format", "full_width", "currency", "unit_fen",
        "paid_before_made", "status_word", "unknown_user", "staff_account",
    },
    "events_export.csv": {"exact_duplicate", "epoch_ms", "bot", "staff_account"},
    "tags_export.csv": {"unknown_tag", "retired_tag", "exact_duplicate"},
}  # fmt: skip


@cache
def raw(name: str) -> pd.DataFrame:
    path = Path(data_folder()) / "raw" / name
    frame = pd.read_csv(path, encoding=raw_exports.ENCODINGS[name], dtype="str", keep_default_na=False)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


@cache
def truth(name: str) -> pd.DataFrame:
    return pd.read_parquet(Path(data_folder()) / "truth" / f"{name}.parquet")


def lines_of(file: str, kind: str) -> pd.DataFrame:
    noted = truth("raw_dirt").query("file == @file and kind == @kind")
    return raw(file).loc[noted["line"].unique()]


def parse_dates(text: pd.Series) -> pd.Series:
    plain = text.str.replace(r"(\d+)年(\d+)月(\d+)日", r"\1-\2-\3", regex=True).str.replace("/", "-")
    parts = plain.str.extract(r"(\d+)-(\d+)-(\d+) (.*)")
    padded = parts[0] + "-" + parts[1].str.zfill(2) + "-" + parts[2].str.zfill(2) + " " + parts[3]
    return pd.to_datetime(padded, format="%Y-%m-%d %H:%M:%S")


def digits(text: pd.Series) -> pd.Series:
    return text.str.translate(str.maketrans("０１２３４５６７８９．", "0123456789."))


def test_every_kind_of_dirt_is_there_and_documented() -> None:
    found = truth("raw_dirt").groupby("file")["kind"].agg(set).to_dict()
    assert found == KINDS
    assert all(kind in (raw_exports.__doc__ or "") for kinds in KINDS.values() for kind in kinds)
    assert truth("raw_dirt").groupby(["file", "kind"]).size().min() >= 20


def test_the_encodings_are_two_and_one_has_a_mark() -> None:
    folder = Path(data_folder()) / "raw"
    assert (folder / "users_export.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    orders = (folder / "orders_export.csv").read_bytes()
    assert "已支付" in orders.decode("gb18030")
    try:
        orders.decode("utf-8")
    except UnicodeDecodeError:
        return
    raise AssertionError("the orders' export is valid UTF-8")


def test_the_truth_tells_each_line() -> None:
    for file in KINDS:
        lines = truth("raw_lines").query("file == @file")
        assert list(lines["line"]) == list(range(1, len(raw(file)) + 1))
        kept = lines[lines["keep"]]
        assert kept["record"].is_unique


def test_dirt_is_what_its_name_says() -> None:
    assert lines_of("users_export.csv", "full_width")["birth_year"].str.fullmatch("[０-９]+").all()
    spaced = lines_of("users_export.csv", "stray_spaces")[["channel", "device"]]
    assert (spaced != spaced.apply(lambda column: column.str.strip())).any(axis=1).all()
    born = lines_of("users_export.csv", "impossible_age")["birth_year"].astype("int64")
    assert ((born < 1900) | (born > 2020)).all()
    assert lines_of("users_export.csv", "staff_account")["nickname"].str.contains("test|qa|测试|staff").all()
    assert lines_of("orders_export.csv", "currency")["amount"].str.contains("¥|元").all()
    assert lines_of("orders_export.csv", "unit_fen")["amount"].str.fullmatch(r"\d+").all()
    early = lines_of("orders_export.csv", "paid_before_made")
    assert (pd.to_datetime(early["paid_at"]) < parse_dates(early["created_at"])).all()
    assert lines_of("events_export.csv", "epoch_ms")["ts"].str.fullmatch(r"\d{13}").all()
    bots = lines_of("events_export.csv", "bot")
    assert bots.groupby("session_id").size().min() > 300
    dates = raw("users_export.csv")["registered_at"]
    shapes = [dates.str.contains(pattern) for pattern in ("^2025-", "^2025/", "^2025年")]
    assert all(shape.mean() > 0.1 for shape in shapes)
    assert sum(shape.sum() for shape in shapes) == len(dates)


def test_cleaning_the_users_gives_back_the_clean_users() -> None:
    lines = raw("users_export.csv")
    lines = lines.sort_values("updated_at").drop_duplicates("user_id", keep="last")
    lines = lines[~lines["nickname"].str.contains("test|qa-|测试|staff")]
    names = {zh: name for name, zh in PROVINCES.items()}
    province = lines["province"].str.replace("[省市]$", "", regex=True).replace(names)
    gender = (
        lines["gender"]
        .str.lower()
        .map({"f": "female", "女": "female", "female": "female", "m": "male", "男": "male", "male": "male"})
    )
    born = pd.to_numeric(digits(lines["birth_year"]), errors="coerce")
    made = pd.DataFrame(
        {
            "user_id": lines["user_id"].astype("int64"),
            "registered_at": parse_dates(lines["registered_at"]),
            "channel": lines["channel"].str.strip(),
            "province": province,
            "gender": gender,
            "device": lines["device"].str.strip(),
            "birth_year": born.where(born.between(1930, 2010)),
        }
    ).set_index("user_id").sort_index()  # fmt: skip
    users = load("users").set_index("user_id")
    clean = users[
        users["registered_at"].between(raw_exports.USERS_FROM, raw_exports.USERS_TO, inclusive="left")
    ]
    assert list(made.index) == list(clean.index)
    for column in ("registered_at", "channel", "province", "device"):
        assert (made[column] == clean[column]).all(), column
    assert made["gender"].fillna("?").eq(clean["gender"].fillna("?")).all()
    impossible = lines_of("users_export.csv", "impossible_age")["user_id"].astype("int64")
    sound = ~made.index.isin(impossible)
    assert (
        made.loc[sound, "birth_year"]
        .fillna(0)
        .eq(clean.loc[sound, "birth_year"].astype("float64").fillna(0))
        .all()
    )


def test_cleaning_the_orders_gives_back_the_clean_orders() -> None:
    lines = raw("orders_export.csv").sort_values("exported_at").drop_duplicates("order_id", keep="last")
    lines = lines[lines["user_id"].astype("int64") >= 10_000]
    money = {}
    for name in ("items_total", "discount", "shipping", "amount"):
        text = digits(lines[name]).str.replace(r"[¥,元]", "", regex=True)
        money[name] = text.astype("float64") / np.where(lines["source"] == "mp", 100, 1)
    words = {zh: name for name, zh in ORDER_STATUS.items()}
    made = pd.DataFrame(
        {
            "order_id": lines["order_id"].astype("int64"),
            "created_at": parse_dates(lines["created_at"]),
            "paid_at": pd.to_datetime(lines["paid_at"].replace("", None)),
            "status": lines["status"].replace(words),
            **money,
        }
    ).set_index("order_id").sort_index()  # fmt: skip
    utc = made["paid_at"] < made["created_at"]
    made.loc[utc, "paid_at"] += pd.Timedelta(hours=8)
    clean = load("orders").set_index("order_id").loc[made.index]
    assert len(made) > 1_500
    for column in ("created_at", "status"):
        assert (made[column] == clean[column]).all(), column
    assert (
        made["paid_at"].equals(clean["paid_at"])
        or (made["paid_at"].fillna(pd.Timestamp(0)) == clean["paid_at"].fillna(pd.Timestamp(0))).all()
    )
    for column in money:
        assert np.allclose(made[column], clean[column], atol=0.005), column


def test_cleaning_the_events_gives_back_the_clean_events() -> None:
    lines = raw("events_export.csv").drop_duplicates("event_id")
    size = lines.groupby("session_id")["event_id"].transform("size")
    staff = pd.to_numeric(lines["user_id"]).between(
        raw_exports.FIRST_STAFF, raw_exports.FIRST_STAFF + raw_exports.STAFF
    )
    # A visit of a colleague starts, like any, before the name is known: drop the whole session.
    lines = lines[(size < 300) & ~lines["session_id"].isin(lines.loc[staff, "session_id"])]
    epoch = lines["ts"].str.fullmatch(r"\d{13}")
    ts = pd.to_datetime(lines["ts"].where(~epoch), format="%Y-%m-%d %H:%M:%S")
    late = pd.to_datetime(pd.to_numeric(lines["ts"].where(epoch)), unit="ms") + pd.Timedelta(hours=8)
    made = pd.Series(ts.fillna(late).to_numpy(), lines["event_id"].astype("int64")).sort_index()
    events = load("events").set_index("event_id")
    clean = events[events["ts"].between(raw_exports.EVENTS_FROM, raw_exports.EVENTS_TO, inclusive="left")]
    assert list(made.index) == list(clean.index)
    assert (made == clean["ts"]).all()


def test_an_inner_join_with_the_users_loses_orders() -> None:
    orders, users = raw("orders_export.csv"), raw("users_export.csv")
    lost = ~orders["user_id"].isin(users["user_id"])
    assert 0.03 < lost.mean() < 0.2


def test_tags_need_their_dictionary() -> None:
    tags, codes = raw("tags_export.csv"), raw("tag_dictionary.csv")
    assert set(tags["tag_code"]) - set(codes["tag_code"]) == {"T77", "X1"}
    retired = codes[codes["replaced_by"] != ""]
    assert set(retired["replaced_by"]) <= set(codes["tag_code"])
    assert tags["tag_code"].isin(retired["tag_code"]).mean() > 0.02
    assert all(re.search(r"[\u4e00-\u9fff]", name) or name == "VIP" for name in codes["name_zh"])
