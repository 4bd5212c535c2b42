"""Simulate, validate and describe the data."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from userops.errors import CourseError

EXAMPLE = """examples:
  userops data simulate --users 1000000 --seed 7 --out /data/large
  userops data validate                      the shipped tables
  userops data validate my-tables --columns my-names.json
  userops data describe orders --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``userops data``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    simulate = actions.add_parser("simulate", help="make a company's tables from a seed")
    simulate.add_argument("--users", type=int, default=20_000, help="registered users (default: 20000)")
    simulate.add_argument(
        "--seed", type=int, default=2025, help="which company (default: 2025, the course's)"
    )
    simulate.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    simulate.add_argument(
        "--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes (default: 2)"
    )
    simulate.add_argument("--quiet", action="store_true", help="no progress bar")

    validate = actions.add_parser("validate", help="check tables against the schema and each other")
    validate.add_argument(
        "folder", type=Path, nargs="?", help="Parquet or CSV tables (default: the shipped ones)"
    )
    validate.add_argument(
        "--columns", type=Path, help='JSON file that maps your column names: {"orders": {"buyer": "user_id"}}'
    )
    validate.add_argument("--json", action="store_true", help="problems as JSON")

    describe = actions.add_parser("describe", help="what each table and column means")
    describe.add_argument("table", nargs="?", help="one table (default: all)")
    describe.add_argument("--json", action="store_true", help="as JSON, in both languages")
    describe.add_argument("--write", action="store_true", help="renew datasets/README.md (authors)")


def run(args: argparse.Namespace) -> int:
    """Run ``userops data``; 0: done, 1: problems found (``validate``)."""
    return {"simulate": _simulate, "validate": _validate, "describe": _describe}[args.action](args)


def _simulate(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from userops.simulate.new_folder import simulate_into

    with tqdm(total=args.users, unit=" users", disable=args.quiet or not sys.stderr.isatty()) as bar:
        events = simulate_into(args.out, args.users, args.seed, workers=args.workers, progress=bar.update)
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    print(
        f"{args.out}: {args.users:,} users, {events:,} events, {size / 1e6:,.1f} MB. "
        f"Use it with USEROPS_DATA={args.out}"
    )
    return 0


def _validate(args: argparse.Namespace) -> int:
    from userops import data_folder
    from userops.schema.constraints import Problem
    from userops.schema.validation import read_mapping, read_parts, rename, validate

    folder = args.folder or Path(data_folder())
    mapping = read_mapping(args.columns) if args.columns else {}
    problems: list[Problem] = []
    names: set[str] = set()
    rows = 0
    for tables in read_parts(folder):
        tables = rename(tables, mapping)
        problems += validate(tables)
        names |= set(tables)
        rows += sum(len(frame) for frame in tables.values())
    if args.json:
        found = [{"table": p.table, "column": p.column, "rows": p.rows, "what": p.what} for p in problems]
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif problems:
        print(*problems, sep="\n")
        print(f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in {folder}.")
    else:
        print(f"{folder}: {len(names)} tables, {rows:,} rows, no problem found.")
    return 1 if problems else 0


def _describe(args: argparse.Namespace) -> int:
    from userops import data_folder, t
    from userops.schema.dictionary import describe, render
    from userops.schema.tables import TABLES

    if args.write:
        path = Path(data_folder()) / "README.md"
        path.write_text(render(), encoding="utf-8")
        print(f"wrote {path}")
        return 0
    if args.table and args.table not in TABLES:
        raise CourseError(f"There is no table '{args.table}'; use one of {', '.join(TABLES)}.")
    chosen = [TABLES[args.table]] if args.table else list(TABLES.values())
    described: list[dict[str, Any]] = [describe(table) for table in chosen]
    if args.json:
        print(json.dumps(described[0] if args.table else described, ensure_ascii=False, indent=2))
        return 0
    for table in chosen:
        print(f"\n{table.name} · {t(table.en, table.zh)}")
        for column in table.columns:
            unit = f" [{column.unit}]" if column.unit else ""
            gone = (
                ""
                if column.missing is None
                else t(f" (missing: {column.missing[0]})", f"（缺失：{column.missing[1]}）")
            )
            print(f"  {column.name:20} {column.dtype:15} {t(column.en, column.zh)}{unit}{gone}")
    return 0
