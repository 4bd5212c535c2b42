"""The data dictionary: ``datasets/README.md`` and ``userops data describe`` read the schema, nothing else."""

from __future__ import annotations

from typing import Any

from userops.schema.tables import TABLES, Column, Table

_TYPES = {
    "int64": "integer 整数",
    "Int64": "integer 整数 (Int64)",
    "float64": "number 小数",
    "str": "text 文本",
    "bool": "true/false 是/否",
    "datetime64[us]": "time 时间",
}

_HEAD = """# The data dictionary 数据字典

Generated from `userops/schema/tables.py` by `userops data describe --write`; do not edit by hand.
由 `userops data describe --write` 根据 `userops/schema/tables.py` 生成，请勿手工修改。

Juzi Mall (橘子商城) is fictional; its data are simulated from a known process (`userops/simulate/`). Year 2025,
local time of Asia/Shanghai without a zone; money in CNY, exact to a cent; a missing value is missing, never
`-1` or an empty text. Load a table with `from userops import load; load("orders")`.
橘子商城是虚构的，数据由已知过程模拟而成（见 `userops/simulate/`）。时间为 2025 年上海本地时间，不带时区；金额单位为
人民币元，精确到分；缺失就是缺失，不用 `-1` 或空字符串代替。用 `from userops import load; load("orders")` 读取。

`raw/` holds dirty exports for the cleaning chapter (`userops/simulate/raw_exports.py` lists what is wrong with them);
`truth/` holds what no learner knows (personas, sizes of effects) and is read by tests alone.
`raw/` 是数据清洗一章用的“脏”导出（问题清单见 `userops/simulate/raw_exports.py`）；`truth/` 存放学习者不该知道的真相
（用户画像、效应大小），只供测试读取。

The data are licensed CC BY 4.0. 数据以 CC BY 4.0 许可发布。
"""


def describe(table: Table) -> dict[str, Any]:
    """Return one table's description as plain values, for JSON."""
    return {
        "table": table.name,
        "grain": {"en": table.en, "zh": table.zh},
        "key": list(table.key),
        "columns": [
            {
                "name": column.name,
                "dtype": column.dtype,
                "unit": column.unit,
                "en": column.en,
                "zh": column.zh,
                "missing": None
                if column.missing is None
                else {"en": column.missing[0], "zh": column.missing[1]},
                "values": column.values,
                "links_to": ".".join(table.links[column.name]) if column.name in table.links else None,
            }
            for column in table.columns
        ],
    }


def render() -> str:
    """Return the text of ``datasets/README.md``."""
    parts = [_HEAD, "\n## Tables 数据表\n\n| table 表 | one row is 一行是 |\n|---|---|\n"]
    parts += [f"| [`{table.name}`](#{table.name}) | {table.en} · {table.zh} |\n" for table in TABLES.values()]
    parts += [_section(table) for table in TABLES.values()]
    return "".join(parts)


def _section(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key) or "none 无"
    lines = [
        f"\n## {table.name}\n\nOne row: {table.en}. 一行：{table.zh}。 Key 主键: {key}.\n\n",
        "| column 列 | type 类型 | meaning | 含义 | missing 缺失表示 |\n|---|---|---|---|---|\n",
    ]
    for column in table.columns:
        missing = "" if column.missing is None else f"{column.missing[0]} · {column.missing[1]}"
        english, chinese = _meaning(table, column)
        kind = _TYPES[column.dtype] + (f", {column.unit}" if column.unit else "")
        lines.append(f"| `{column.name}` | {kind} | {english} | {chinese} | {missing} |\n")
    coded = [column for column in table.columns if column.values]
    for column in coded:
        values = ", ".join(f"`{value}` {zh}" for value, zh in column.values.items())
        lines.append(f"\n`{column.name}`: {values}\n")
    return "".join(lines)


def _meaning(table: Table, column: Column) -> tuple[str, str]:
    if column.name not in table.links:
        return column.en, column.zh
    other = "`{}.{}`".format(*table.links[column.name])
    return f"{column.en} → {other}", f"{column.zh} → {other}"
