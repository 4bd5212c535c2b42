"""What each rule for duplicates leaves of a small export, and of the real one."""

from __future__ import annotations

import pandas as pd
import pytest

from userops import export_file
from userops.errors import CourseError
from userops.explorers import dedup_rules

EXPORT = pd.DataFrame(
    {
        "order_id": ["1", "1", "2", "2", "3"],
        "exported_at": ["2025-09-02", "2025-09-01", "2025-09-01", "2025-09-01", "2025-09-01"],
        "status": ["paid", "pending", "paid", "paid", "paid"],
    }
)


@pytest.mark.parametrize(
    ("rule", "kept", "repeated", "outdated"),
    [
        ("none", 5, 2, 1),
        ("whole_line", 4, 1, 1),
        ("key_first", 3, 0, 0),
        ("key_latest", 3, 0, 0),
    ],
)
def test_each_rule(rule: str, kept: int, repeated: int, outdated: int) -> None:
    frame = dedup_rules.compute(EXPORT, key="order_id", at="exported_at", state="status", rule=rule)
    assert frame["lines"].tolist() == [kept, repeated, outdated]


def test_the_first_line_is_not_always_the_newest() -> None:
    turned = EXPORT.iloc[::-1]
    frame = dedup_rules.compute(turned, key="order_id", at="exported_at", state="status", rule="key_first")
    assert frame.set_index("what")["lines"]["outdated"] == 1


def test_on_the_shipped_export_only_the_latest_rule_leaves_nothing() -> None:
    lines = pd.read_csv(
        export_file("orders_export.csv"), dtype="str", encoding="gb18030", keep_default_na=False
    )
    explorer = dedup_rules.explore(lines)
    before = explorer.png
    for rule in ("whole_line", "key_first"):
        explorer.set(rule=rule)
        assert explorer.frame.set_index("what")["lines"]["outdated"] > 0
    explorer.set(rule="key_latest")
    assert explorer.png != before
    assert explorer.frame["lines"].tolist()[1:] == [0, 0]


def test_an_unknown_export_is_told_by_name() -> None:
    with pytest.raises(CourseError, match="orders_export"):
        export_file("order.csv")
