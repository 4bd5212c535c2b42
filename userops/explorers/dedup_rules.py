"""Explorer: one export, four ideas of what a duplicate is, and what each leaves behind."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from userops import style
from userops._language import t
from userops._load import export_file
from userops.explorers import _base

__all__ = ["RULES", "compute", "draw", "explore"]

RULES: Final = ("none", "whole_line", "key_first", "key_latest")


def compute(lines: pd.DataFrame, *, key: str, at: str, state: str, rule: str = "none") -> pd.DataFrame:
    """Return what a rule leaves of an export.

    Args:
        lines: the export as text, in the order of the file.
        key: column that names a record; ``at``: column with the time of the export (ISO text or timestamps);
            ``state``: column whose outdated values betray an old version.
        rule: ``"none"``, ``"whole_line"`` (equal in all columns), ``"key_first"`` (the first line of each
            key), ``"key_latest"`` (the newest line of each key).

    Returns:
        Three rows, ``what`` and ``lines``: ``"kept"`` (lines left), ``"repeated"`` (lines beyond one a key),
        ``"outdated"`` (lines left whose ``state`` is not the newest of their key).
    """
    newest = lines.sort_values(at, kind="stable").drop_duplicates(key, keep="last").set_index(key)[state]
    if rule == "whole_line":
        kept = lines.drop_duplicates()
    elif rule == "key_first":
        kept = lines.drop_duplicates(key)
    elif rule == "key_latest":
        kept = lines.sort_values(at, kind="stable").drop_duplicates(key, keep="last")
    else:
        kept = lines
    outdated = kept[state].to_numpy() != newest.reindex(kept[key]).to_numpy()
    counts = {"kept": len(kept), "repeated": len(kept) - kept[key].nunique(), "outdated": int(outdated.sum())}
    return pd.DataFrame({"what": list(counts), "lines": list(counts.values())})


def draw(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw the two kinds of trouble that are left."""
    trouble = frame[frame["what"] != "kept"]
    names = [_name(what) for what in trouble["what"]]
    bars = ax.barh(names, trouble["lines"], color=[style.PALETTE["orange"], style.PALETTE["red"]])
    ax.bar_label(bars, [f"{n:,}" for n in trouble["lines"]], padding=4)
    ax.invert_yaxis()
    ax.set_xlim(0, max(10, trouble["lines"].max() * 1.15))
    ax.set(xlabel=t("lines", "行数"), title=t("What is still wrong", "还剩下多少问题"))


def describe(frame: pd.DataFrame) -> str:
    """Say the three counts in a sentence."""
    n = frame.set_index("what")["lines"]
    return t(
        f"{n['kept']:,} lines are left; {n['repeated']:,} repeat a record, {n['outdated']:,} show an outdated state.",
        f"剩 {n['kept']:,} 行；其中 {n['repeated']:,} 行是重复记录，{n['outdated']:,} 行是过时的状态。",
    )


def _name(what: str) -> str:
    return {
        "repeated": t("repeated records", "重复的记录"),
        "outdated": t("outdated states", "过时的状态"),
    }[what]


def explore(
    lines: pd.DataFrame, *, key: str = "order_id", at: str = "exported_at", state: str = "status"
) -> Any:
    """Show the explorer for an export."""
    return _base.explorer(
        compute=partial(compute, lines, key=key, at=at, state=state),
        draw=draw,
        describe=describe,
        title=("What counts as a duplicate?", "什么才算重复？"),
        figsize=(8.0, 2.8),
        controls={
            "rule": _base.Choice(
                ("rule", "规则"),
                {
                    ("keep every line", "全部保留"): "none",
                    ("drop lines that are equal in all columns", "整行完全相同才去掉"): "whole_line",
                    ("one line a key: the first", "每个编号留第一行"): "key_first",
                    ("one line a key: the latest", "每个编号留最新一行"): "key_latest",
                },
            )
        },
    )


def bench_data() -> tuple[pd.DataFrame]:
    """Return the argument of ``explore`` for the benchmark: the export of the orders, as text."""
    return (pd.read_csv(export_file("orders_export.csv"), dtype="str", encoding="gb18030"),)
