"""Dirty exports of clean tables, for the cleaning chapter, with the truth of what was dirtied.

``datasets/raw/`` holds what four systems would hand over on a bad day:

``users_export.csv`` (UTF-8 with a byte-order mark), users registered in August and September
    exact_duplicate   the same line twice
    near_duplicate    an older version of a line (earlier ``updated_at``, another province and device)
    date_format       one of three: 2025-08-03 14:05:22, 2025/8/3 14:05:22, 2025年08月03日 14:05:22
    full_width        digits as １９９０
    stray_spaces      " Sichuan "
    spelling          province in Chinese (四川省); gender as F, 女, FEMALE …
    impossible_age    born in 1880–1899, in 2024–2030, or in year 0
    missing_word      NULL, - or 未知 where nothing is known
    staff_account     test accounts of colleagues; no such users in the clean table
``orders_export.csv`` (GB18030), the orders of these users up to October, and some of other users
    exact_duplicate, near_duplicate (an earlier status, earlier ``exported_at``), date_format, full_width
    currency          ¥1,234.50 or 1,234.50元
    unit_fen          amounts of source ``mp`` (the miniprogram's own till) are in fen, without a point
    paid_before_made  ``paid_at`` eight hours early: that system wrote UTC
    status_word       已支付 for paid, 已取消, 已退款
    unknown_user      the buyer is not in the users' export (an inner join loses the order silently)
    staff_account     orders of test accounts, one fen each
``events_export.csv`` (UTF-8), three days of events
    exact_duplicate   sent twice by a shaky connection
    epoch_ms          web events carry milliseconds since 1970 (UTC) instead of local time
    bot               hundreds of page views in one session, a second apart
    staff_account     visits of test accounts
``tags_export.csv`` and ``tag_dictionary.csv`` (UTF-8)
    unknown_tag       a code that is not in the dictionary
    retired_tag       a code replaced by another (``replaced_by``)
    exact_duplicate
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from userops.schema.tables import ORDER_STATUS, PROVINCES
from userops.simulate._parquet import write_table
from userops.simulate._random import chance, stream

USERS_FROM, USERS_TO = "2025-08-01", "2025-10-01"
ORDERS_TO = "2025-11-01"
EVENTS_FROM, EVENTS_TO = "2025-09-15", "2025-09-18"
ENCODINGS = {
    "users_export.csv": "utf-8-sig",
    "orders_export.csv": "gb18030",
    "events_export.csv": "utf-8",
    "tags_export.csv": "utf-8",
    "tag_dictionary.csv": "utf-8",
}
STAFF = 40
FIRST_STAFF = 9_001
_WIDE = str.maketrans("0123456789.", "０１２３４５６７８９．")
_FORMATS = ("%Y-%m-%d %H:%M:%S", "slash", "%Y年%m月%d日 %H:%M:%S")


@dataclass
class Export:
    """Lines of one file as text, the record each line is of, whether it survives, and what was dirtied."""

    name: str
    lines: pd.DataFrame
    key: str
    dirt: list[pd.DataFrame] = field(default_factory=list)

    def mark(self, rows: np.ndarray, kind: str, column: str) -> None:
        """Note that a kind of dirt was put on rows (labels of ``lines``)."""
        index = self.lines.index[rows]
        self.dirt.append(pd.DataFrame({"row": index, "kind": kind, "column": column}))

    def change(self, rows: np.ndarray, kind: str, column: str, values: pd.Series) -> None:
        """Replace a column's text on a Boolean selection of rows, and note it."""
        self.lines.loc[rows, column] = values[rows]
        self.mark(np.flatnonzero(rows), kind, column)

    def append(self, more: pd.DataFrame, kind: str) -> None:
        """Add lines that should not survive cleaning."""
        more = more.assign(keep=False)
        more.index = pd.RangeIndex(len(self.lines), len(self.lines) + len(more))
        self.lines = pd.concat([self.lines, more])
        self.dirt.append(pd.DataFrame({"row": more.index, "kind": kind, "column": ""}))


def dates(rng: np.random.Generator, when: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Write times in three formats; return the text and which format each row has."""
    which = rng.choice(3, len(when), p=[0.55, 0.28, 0.17])
    text = when.dt.strftime(_FORMATS[0])
    slash = (
        when.dt.strftime("%Y/")
        + when.dt.month.astype("Int64").astype("str")
        + "/"
        + when.dt.day.astype("Int64").astype("str")
        + when.dt.strftime(" %H:%M:%S")
    )
    found = text.where(which != 1, slash).where(which != 2, when.dt.strftime(_FORMATS[2]))
    return found.fillna(""), which


def wide(text: pd.Series) -> pd.Series:
    """Return text with full-width digits, as an input method leaves them."""
    return text.str.translate(_WIDE)


def spaced(rng: np.random.Generator, text: pd.Series) -> pd.Series:
    """Return text with up to two blanks before it and one or two behind."""
    left, right = rng.integers(0, 3, len(text)), rng.integers(1, 3, len(text))
    blanks = pd.Series(["", " ", "  "], dtype="str")
    return (
        pd.Series(blanks[left].to_numpy(), text.index)
        + text
        + pd.Series(blanks[right].to_numpy(), text.index)
    )


def users_export(tables: dict[str, pd.DataFrame], seed: int) -> Export:
    """Return the dirty ``users_export.csv``: users who registered in the export's window."""
    rng = stream(seed, -1, "dirty users")
    users = tables["users"]
    clean = users[(users["registered_at"] >= USERS_FROM) & (users["registered_at"] < USERS_TO)].reset_index(
        drop=True
    )
    count = len(clean)
    updated = clean["registered_at"] + pd.to_timedelta(rng.integers(1, 9, count), unit="D")
    text, which = dates(rng, clean["registered_at"])
    lines = pd.DataFrame(
        {
            "user_id": clean["user_id"].astype("str"),
            "nickname": "juzi_" + pd.Series(rng.integers(10_000, 99_999, count)).astype("str"),
            "registered_at": text,
            "channel": clean["channel"],
            "province": clean["province"],
            "city_tier": clean["city_tier"].astype("str"),
            "birth_year": clean["birth_year"].astype("str").replace("<NA>", "").fillna(""),
            "gender": clean["gender"].fillna(""),
            "device": clean["device"],
            "marketing_consent": clean["marketing_consent"].map({True: "1", False: "0"}),
            "updated_at": updated.dt.strftime(_FORMATS[0]),
            "record": clean["user_id"],
            "keep": True,
        }
    )
    export = Export("users_export.csv", lines, "user_id")
    export.mark(np.flatnonzero(which > 0), "date_format", "registered_at")
    spell = chance(rng, 0.20, count)
    chinese = clean["province"].map(PROVINCES)
    suffix = np.where(chinese.isin(["北京", "上海", "天津", "重庆"]), "市", "省")
    suffix = np.where(chinese.isin(["广西", "新疆", "内蒙古", "宁夏", "西藏"]), "", suffix)
    export.change(spell, "spelling", "province", chinese + pd.Series(suffix))
    words = pd.DataFrame({"female": ["F", "女", "FEMALE"], "male": ["M", "男", "MALE"]})
    pickword = rng.integers(0, 3, count)
    known = clean["gender"].notna().to_numpy()
    other = pd.Series(
        np.where(
            clean["gender"].eq("female"),
            words["female"].to_numpy()[pickword],
            words["male"].to_numpy()[pickword],
        )
    )
    export.change(known & chance(rng, 0.30, count), "spelling", "gender", other)
    nothing = pd.Series(rng.choice(["NULL", "-", "未知"], count))
    export.change(~known & chance(rng, 0.6, count), "missing_word", "gender", nothing)
    blank = clean["birth_year"].isna().to_numpy()
    export.change(blank & chance(rng, 0.5, count), "missing_word", "birth_year", nothing)
    impossible = ~blank & chance(rng, 0.02, count)
    years = rng.choice([0, *range(1880, 1900), *range(2024, 2031)], count)
    export.change(impossible, "impossible_age", "birth_year", pd.Series(years).astype("str"))
    broad = ~blank & ~impossible & chance(rng, 0.05, count)
    export.change(broad, "full_width", "birth_year", wide(export.lines["birth_year"]))
    for column in ("channel", "device"):
        export.change(chance(rng, 0.04, count), "stray_spaces", column, spaced(rng, export.lines[column]))

    again = export.lines[chance(rng, 0.02, count)]
    old = export.lines[chance(rng, 0.03, count)].copy()
    old["updated_at"] = (clean["registered_at"].loc[old.index] + pd.Timedelta(hours=2)).dt.strftime(
        _FORMATS[0]
    )
    old["province"] = rng.permutation(old["province"].to_numpy())
    old["device"] = rng.permutation(old["device"].to_numpy())
    export.append(again, "exact_duplicate")
    export.append(old, "near_duplicate")
    numbers = np.arange(min(STAFF, count))
    staff = lines.iloc[rng.choice(count, len(numbers), replace=False)].copy()
    staff["user_id"] = (FIRST_STAFF + numbers).astype(str)
    names = np.array(["test_{:03d}", "qa-{:03d}", "内部测试{:02d}", "juzi_staff_{:02d}"])
    staff["nickname"] = [names[n % 4].format(n) for n in numbers]
    staff["record"] = FIRST_STAFF + numbers
    export.append(staff, "staff_account")
    return export


def orders_export(tables: dict[str, pd.DataFrame], seed: int) -> Export:
    """Return the dirty ``orders_export.csv``: those users' orders, and a few of strangers."""
    rng = stream(seed, -1, "dirty orders")
    users, orders = tables["users"], tables["orders"]
    inside = users.loc[
        (users["registered_at"] >= USERS_FROM) & (users["registered_at"] < USERS_TO), "user_id"
    ]
    window = (orders["created_at"] >= USERS_FROM) & (orders["created_at"] < ORDERS_TO)
    mine = orders["user_id"].isin(inside)
    extra = chance(rng, 0.05, len(orders))
    clean = orders[window & (mine | extra)].reset_index(drop=True)
    count = len(clean)
    created, which = dates(rng, clean["created_at"])
    early = clean["paid_at"].notna().to_numpy() & chance(rng, 0.03, count)
    paid_at = clean["paid_at"] - pd.to_timedelta(np.where(early, 8, 0), unit="h")
    till = pd.Series(rng.choice(["app", "web", "mp"], count, p=[0.62, 0.20, 0.18]))
    exported = clean["created_at"] + pd.Timedelta(days=20)
    lines = pd.DataFrame(
        {
            "order_id": clean["order_id"].astype("str"),
            "user_id": clean["user_id"].astype("str"),
            "created_at": created,
            "paid_at": paid_at.dt.strftime(_FORMATS[0]).fillna(""),
            "status": clean["status"],
            **{
                name: clean[name].map("{:.2f}".format)
                for name in ("items_total", "discount", "shipping", "amount")
            },
            "province": clean["province"],
            "source": till,
            "exported_at": exported.dt.strftime(_FORMATS[0]),
            "record": clean["order_id"],
            "keep": True,
        }
    )
    export = Export("orders_export.csv", lines, "order_id")
    export.mark(np.flatnonzero(which > 0), "date_format", "created_at")
    export.mark(np.flatnonzero(early), "paid_before_made", "paid_at")
    export.mark(np.flatnonzero(~clean["user_id"].isin(inside)), "unknown_user", "user_id")
    in_fen = (till == "mp").to_numpy()
    for name in ("items_total", "discount", "shipping", "amount"):
        fen = (clean[name] * 100).round().astype("int64").astype("str")
        export.change(in_fen, "unit_fen", name, fen)
    sign = ~in_fen & chance(rng, 0.18, count)
    thousands = clean["amount"].map("{:,.2f}".format)
    style = rng.integers(0, 2, count)
    export.change(sign, "currency", "amount", ("¥" + thousands).where(style == 0, thousands + "元"))
    broad = ~in_fen & ~sign & chance(rng, 0.03, count)
    export.change(broad, "full_width", "amount", wide(export.lines["amount"]))
    export.change(chance(rng, 0.25, count), "status_word", "status", clean["status"].map(ORDER_STATUS))

    again = export.lines[chance(rng, 0.015, count)]
    old = export.lines[clean["paid_at"].notna().to_numpy() & chance(rng, 0.04, count)].copy()
    old["status"], old["paid_at"] = "pending", ""
    old["exported_at"] = (clean["created_at"].loc[old.index] + pd.Timedelta(minutes=1)).dt.strftime(
        _FORMATS[0]
    )
    export.append(again, "exact_duplicate")
    export.append(old, "near_duplicate")
    tests = np.arange(min(60, count))
    staff = lines.iloc[rng.choice(count, len(tests), replace=False)].copy()
    staff["order_id"] = (90_000_001 + tests).astype(str)
    staff["user_id"] = (FIRST_STAFF + rng.integers(0, STAFF, len(tests))).astype(str)
    for name in ("items_total", "amount"):
        staff[name] = "0.01"
    staff["discount"], staff["shipping"], staff["source"] = "0.00", "0.00", "app"
    staff["record"] = 90_000_001 + tests
    export.append(staff, "staff_account")
    return export


def events_export(tables: dict[str, pd.DataFrame], seed: int) -> Export:
    """Return the dirty ``events_export.csv``: the events of three days, bots and staff among them."""
    rng = stream(seed, -1, "dirty events")
    events = tables["events"]
    clean = events[(events["ts"] >= EVENTS_FROM) & (events["ts"] < EVENTS_TO)].reset_index(drop=True)
    lines = _event_lines(clean)
    export = Export("events_export.csv", lines, "event_id")
    web = (clean["device"] == "web").to_numpy()
    export.change(web, "epoch_ms", "ts", epoch_ms(clean["ts"]))
    again = export.lines[chance(rng, 0.02, len(clean))]
    export.append(again, "exact_duplicate")

    sizes = np.array([420, 610, 380, 880, 530])
    which = np.repeat(np.arange(len(sizes)), sizes)
    step = np.concatenate([np.arange(size) for size in sizes])
    opens = pd.Timestamp(EVENTS_FROM) + pd.to_timedelta(
        rng.integers(0, 3 * 86_400 - 2_000, len(sizes)), unit="s"
    )
    bots = pd.DataFrame(
        {
            "event_id": 990_000_001 + np.arange(len(which)),
            "visitor_id": 990_001 + which,
            "user_id": pd.array([pd.NA] * len(which), dtype="Int64"),
            "session_id": 990_001 + which,
            "ts": opens[which] + pd.to_timedelta(step, unit="s"),
            "event": np.where(step % 3 == 0, "page_view", "product_view"),
            "page": np.where(step % 3 == 0, "category", "product"),
            "product_id": pd.array(np.where(step % 3 == 0, 0, step % 240 + 1), dtype="Int64"),
            "device": "android",
            "app_version": "android-3.4.0",
        }
    )
    bots["product_id"] = bots["product_id"].mask(bots["product_id"] == 0)
    export.append(_event_lines(bots), "bot")
    sessions = clean["session_id"].unique()
    chosen = clean[
        clean["session_id"].isin(rng.choice(sessions, min(45, len(sessions)), replace=False))
    ].copy()
    order = chosen["session_id"].rank(method="dense").astype("int64")
    chosen["event_id"] = 995_000_001 + np.arange(len(chosen))
    chosen["visitor_id"] = 995_000 + order % STAFF
    chosen["session_id"] = 995_000 + order
    chosen["user_id"] = pd.array(FIRST_STAFF + order % STAFF, dtype="Int64")
    chosen["ts"] = chosen["ts"] + pd.Timedelta(minutes=7)
    export.append(_event_lines(chosen), "staff_account")
    return export


def epoch_ms(ts: pd.Series) -> pd.Series:
    """Return local times as text: milliseconds since 1970 in UTC."""
    shifted = ts - pd.Timedelta(hours=8) - pd.Timestamp("1970-01-01")
    return (shifted // pd.Timedelta(milliseconds=1)).astype("int64").astype("str")


def _event_lines(events: pd.DataFrame) -> pd.DataFrame:
    lines = events.astype("str").replace("<NA>", "").fillna("")
    lines["ts"] = events["ts"].dt.strftime(_FORMATS[0])
    return lines.assign(record=events["event_id"], keep=True)


_TAGS = (  # code, English, Chinese, group, replaced by
    ("T01", "new user", "新用户", "lifecycle", ""),
    ("T02", "active user", "活跃用户", "lifecycle", ""),
    ("T03", "at risk", "流失预警", "lifecycle", ""),
    ("T04", "high value", "高价值", "value", ""),
    ("T05", "coupon lover", "用券达人", "preference", ""),
    ("T06", "night owl", "夜猫子", "rhythm", ""),
    ("T07", "beauty fan", "美妆控", "preference", ""),
    ("T08", "young parent", "年轻父母", "preference", ""),
    ("T90", "VIP (old)", "VIP（旧）", "value", "T04"),
    ("T91", "sleeping (old)", "沉睡用户（旧）", "lifecycle", "T03"),
)


def tags_export(tables: dict[str, pd.DataFrame], seed: int) -> tuple[Export, pd.DataFrame]:
    """Return the dirty ``tags_export.csv`` of those users, and the dictionary of its tags."""
    rng = stream(seed, -1, "dirty tags")
    users = tables["users"]
    inside = users.loc[(users["registered_at"] >= USERS_FROM) & (users["registered_at"] < USERS_TO)]
    number = rng.integers(0, 4, len(inside))
    user = np.repeat(inside["user_id"].to_numpy(), number)
    codes = np.array([tag[0] for tag in _TAGS])
    weight = np.array([3, 4, 2, 1.2, 2, 1.5, 1.5, 1.0, 0.5, 0.5])
    code = rng.choice(codes, len(user), p=weight / weight.sum())
    lines = pd.DataFrame({"user_id": user.astype(str), "tag_code": code})
    lines["tagged_at"] = pd.Series(
        pd.Timestamp("2025-10-01") + pd.to_timedelta(rng.integers(0, 30, len(user)), unit="D")
    ).dt.strftime("%Y-%m-%d")
    lines = lines.drop_duplicates(["user_id", "tag_code"], ignore_index=True)
    lines = lines.assign(record=np.arange(len(lines)) + 1, keep=True)
    export = Export("tags_export.csv", lines, "")
    export.mark(np.flatnonzero(lines["tag_code"].isin(["T90", "T91"])), "retired_tag", "tag_code")
    unknown = chance(rng, 0.015, len(lines))
    export.change(unknown, "unknown_tag", "tag_code", pd.Series(rng.choice(["T77", "X1"], len(lines))))
    export.append(export.lines[chance(rng, 0.02, len(lines))], "exact_duplicate")
    dictionary = pd.DataFrame(_TAGS, columns=["tag_code", "name_en", "name_zh", "group", "replaced_by"])
    return export, dictionary


def write_raw(tables: dict[str, pd.DataFrame], folder: Path, truth: Path, seed: int) -> None:
    """Write the dirty exports to ``folder`` and what was done to them to ``truth``.

    ``raw_lines.parquet`` says of each line (1 is the first after the header) which record it is of and
    whether it is the one to keep; ``raw_dirt.parquet`` lists each dirtied cell or line by kind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tags, dictionary = tags_export(tables, seed)
    exports = [users_export(tables, seed), orders_export(tables, seed), events_export(tables, seed), tags]
    lines, dirt = [], []
    for export in exports:
        rng = stream(seed, -1, f"shuffle {export.name}")
        order = rng.permutation(len(export.lines))
        if export.name == "events_export.csv":  # logs come roughly in order
            order = np.argsort(np.arange(len(order)) + rng.integers(0, 40, len(order)), kind="stable")
        shuffled = export.lines.iloc[order]
        place = pd.Series(np.arange(1, len(order) + 1), index=shuffled.index)
        _write(shuffled.drop(columns=["record", "keep"]), folder / export.name)
        lines.append(
            pd.DataFrame(
                {
                    "file": export.name,
                    "line": place.to_numpy(),
                    "record": shuffled["record"].to_numpy(),
                    "keep": shuffled["keep"].to_numpy(),
                }
            )
        )
        noted = pd.concat(export.dirt, ignore_index=True)
        noted = pd.DataFrame(
            {
                "file": export.name,
                "line": place[noted["row"]].to_numpy(),
                "kind": noted["kind"],
                "column": noted["column"],
            }
        )
        dirt.append(noted.sort_values(["line", "kind", "column"]))
    _write(dictionary, folder / "tag_dictionary.csv")
    for name, frames in (("raw_lines", lines), ("raw_dirt", dirt)):
        both = pd.concat(frames, ignore_index=True)
        text = [column for column in ("file", "kind", "column") if column in both]
        write_table(both.astype(dict.fromkeys(text, "str")), truth / f"{name}.parquet")


def _write(frame: pd.DataFrame, path: Path) -> None:
    text = frame.to_csv(index=False, lineterminator="\n")
    path.write_bytes(text.encode(ENCODINGS[path.name]))
