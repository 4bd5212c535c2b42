"""The check of a chart: what it shows and whether a reader can tell."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from userops._language import t
from userops.check._axes import Mark, Picture, picture
from userops.check._compare import KindMismatch, parse_time, unequal
from userops.check._judge import Wrong, judge
from userops.check._plain import MISSING, column, kind_of, plain, show

KINDS: Final = ("line", "bar", "scatter", "hist", "heatmap")


def chart(
    ax: Any,
    *,
    kind: str | None = None,
    x: Sequence[Any] | None = None,
    y: Sequence[float] | None = None,
    series: int | Collection[str] | Mapping[str, Sequence[float]] | None = None,
    xlabel: bool = True,
    ylabel: bool = True,
    title: bool = True,
    zero_based: bool | None = None,
    legend: bool | None = None,
    lines: int | None = None,
    tol: float | None = None,
    wrong: Wrong | None = None,
    hint: str | None = None,
) -> None:
    """Check an Axes by its data and labels.

    Args:
        ax: an Axes, a figure with one, or what a plotting call returned.
        kind: ``"line"``, ``"bar"``, ``"scatter"``, ``"hist"`` or ``"heatmap"``.
        x: what stands along the x axis (values, dates, or category names), in any order.
        y: the values of one drawn series (bar lengths, the cells of a heat map), in any order unless ``x`` is given.
        series: how many series are drawn; or the names the legend must show; or ``{name: values}``.
        xlabel, ylabel, title: whether each must be there (any text).
        zero_based: the value axis must start at zero (True).
        legend: whether a legend must be there.
        lines: at least this many lines, reference lines included.
        tol: absolute tolerance of ``y``; default 1e-6 relative.
        wrong: ``{key: (the y values the wrong idea draws, or a predicate of the Picture, message)}``. The
            Picture answers ``get_ylim()``, ``get_xscale()`` … like an Axes, and has ``marks`` and ``twin``.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: the chart does not show what it should, or a reader could not tell.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"chart(): kind must be one of {', '.join(KINDS)}")

    def compare(value: Any, target: Any) -> str | None:
        seen = picture(value)
        if target is not None:
            # A misconception given by its values.
            return _values_problem(seen, kind, x, target, tol)
        return (
            _kind_problem(seen, kind)
            or (None if y is None and x is None else _values_problem(seen, kind, x, y, tol))
            or _series_problem(seen, kind, series, tol)
            or _lines_problem(seen, lines)
            or _axis_problem(seen, zero_based)
            or _labels_problem(seen, xlabel, ylabel, title, legend)
        )

    judge(ax, None, wrong or {}, compare, hint, form=picture)


_KIND_NAMES = {
    "line": ("a line chart", "折线图"),
    "bar": ("a bar chart", "柱状图"),
    "scatter": ("a scatter chart", "散点图"),
    "hist": ("a histogram", "直方图"),
    "heatmap": ("a heat map", "热力图"),
}


def _kind_problem(seen: Picture, kind: str | None) -> str | None:
    if not seen.marks:
        return t("The chart shows no data yet.", "图里还没有任何数据。")
    if kind is None or _of_kind(seen, kind):
        return None
    got = t(*_KIND_NAMES[seen.marks[0].kind])
    return t(
        f"Expected {_KIND_NAMES[kind][0]}; yours is {got}.", f"应为{_KIND_NAMES[kind][1]}，你画的是{got}。"
    )


def _of_kind(seen: Picture, kind: str | None) -> list[Mark]:
    if kind in ("bar", "hist"):
        # Bars may touch, and histograms may have gaps: what is asked for decides.
        return [m for m in seen.marks if m.kind in ("bar", "hist")]
    return seen.of_kind(kind)


def _values_problem(seen: Picture, kind: str | None, x: Any, y: Any, tol: float | None) -> str | None:
    marks = _of_kind(seen, kind)
    if y is not None and x is None:
        if any(_same_bag(m.y, y, tol) or _same_bag(m.y, _present(y), tol) for m in marks):
            return None
        n = max((len(m.y) for m in marks), default=0)
        return t(
            f"The values drawn ({n:,}) are not the ones asked for. Which table and which column go on the value axis?",
            f"画出来的 {n:,} 个值不是题目要的。数值轴上应放哪张表的哪一列？",
        )
    if y is not None:
        # Nothing is drawn where a value is missing, so nothing is asked for there either.
        x, y = zip(
            *[(a, b) for a, b in zip(x, y, strict=True) if plain(b) is not MISSING] or [((), ())], strict=True
        )
    for mark in [*marks, *_drawn_one_by_one(marks)]:
        for positions in _positions(seen, mark):
            if len(positions) != len(x):
                continue
            if y is None:
                if _same_bag(positions, x, None):
                    return None
            elif len(mark.y) == len(y) and _same_pairs(positions, mark.y, list(x), list(y), tol):
                return None
    return t(
        "The chart does not show the asked-for values at the asked-for places of the x axis.",
        "图上的横轴位置和对应的值不是题目要的。",
    )


def _present(values: Sequence[Any]) -> list[Any]:
    return [v for v in values if plain(v) is not MISSING]


def _drawn_one_by_one(marks: list[Mark]) -> list[Mark]:
    """Join marks of a single point each: a loop that draws bar by bar draws one series."""
    if len(marks) < 2 or any(len(m.x) != 1 for m in marks):
        return []
    return [replace(marks[0], x=[m.x[0] for m in marks], y=[m.y[0] for m in marks])]


def _positions(seen: Picture, mark: Mark) -> list[list[Any]]:
    """Return the readings of where a mark stands: as numbers, as dates, as category names."""
    readings: list[list[Any]] = [mark.x]
    if all(kind_of(plain(v)) == "number" for v in mark.x) and mark.x:
        if len(seen.ticks) == len(mark.x) and any(seen.ticks):
            readings.append(list(seen.ticks))
            with contextlib.suppress(ValueError):  # categories that are numbers: "1", "2", …
                readings.append([float(tick.replace("−", "-").replace(",", "")) for tick in seen.ticks])
            dates = [parse_time(tick) for tick in seen.ticks]
            if all(d is not None for d in dates):
                readings.append(dates)
        if seen.freq is not None:
            with contextlib.suppress(ValueError, TypeError):
                readings.append([pd.Period(ordinal=round(v), freq=seen.freq) for v in mark.x])
        from matplotlib.dates import num2date

        with contextlib.suppress(ValueError, OverflowError):
            dates = num2date(mark.x)  # type: ignore[no-untyped-call]
            readings.append([d.replace(tzinfo=None) for d in dates])
    return readings


def _same_bag(got: Sequence[Any], want: Sequence[Any], tol: float | None) -> bool:
    left, right = [plain(v) for v in got], [plain(v) for v in want]
    if len(left) != len(right):
        return False
    try:
        left, right = sorted(left, key=_sort_key), sorted(right, key=_sort_key)
        return not unequal(column(left), column(right), tol).any()
    except (KindMismatch, TypeError, ValueError):
        return False


def _same_pairs(
    got_x: list[Any], got_y: list[Any], want_x: list[Any], want_y: list[Any], tol: float | None
) -> bool:
    got = sorted(zip([plain(v) for v in got_x], got_y, strict=True), key=lambda p: _sort_key(p[0]))
    want = sorted(zip([plain(v) for v in want_x], want_y, strict=True), key=lambda p: _sort_key(p[0]))
    try:
        same_x = not unequal(_labels([p[0] for p in got]), _labels([p[0] for p in want])).any()
        return same_x and not unequal(column([p[1] for p in got]), column([p[1] for p in want]), tol).any()
    except (KindMismatch, TypeError, ValueError):
        return False


def _labels(values: list[Any]) -> Any:
    return column(values)


def _sort_key(value: Any) -> tuple[str, Any]:
    kind = kind_of(value)
    return ("number" if kind == "truth" else kind), (
        0 if kind == "void" else str(value) if kind == "other" else value
    )


def _series_problem(seen: Picture, kind: str | None, series: Any, tol: float | None) -> str | None:
    if series is None:
        return None
    marks = _of_kind(seen, kind)
    wanted = series if isinstance(series, int) else len(series)
    if len(marks) < wanted:
        return t(
            f"The chart draws {len(marks)} series; the exercise asks for more.",
            f"图里只画了 {len(marks)} 组数据，题目要求更多。",
        )
    if isinstance(series, int):
        return (
            None
            if len(marks) == wanted
            else t(
                f"The chart draws {len(marks)} series; that is too many.",
                f"图里画了 {len(marks)} 组数据，太多了。",
            )
        )
    if isinstance(series, Mapping):
        for name, values in series.items():
            if not any(_same_bag(m.y, values, tol) for m in marks):
                return t(
                    f"The series {show(name)} is not drawn with its values.",
                    f"没有画出 {show(name)} 这一组的值。",
                )
        return None
    shown = " ".join([*(seen.legend or []), *(m.label for m in marks)]).casefold()
    lacking = [name for name in series if str(name).casefold() not in shown]
    if lacking:
        return t(f"No series is labelled {show(lacking[0])}.", f"没有标注为 {show(lacking[0])} 的数据。")
    return None


def _lines_problem(seen: Picture, lines: int | None) -> str | None:
    drawn = len(seen.of_kind("line")) + seen.reference_lines
    if lines is None or drawn >= lines:
        return None
    return t(
        f"The chart has {drawn} line(s); the exercise asks for more (reference lines count).",
        f"图中有 {drawn} 条线，题目要求更多（参考线也算）。",
    )


def _axis_problem(seen: Picture, zero_based: bool | None) -> str | None:
    if not zero_based:
        return None
    low, high = seen.xlim if seen.horizontal else seen.ylim
    scale = seen.xscale if seen.horizontal else seen.yscale
    if (
        scale == "linear"
        and min(low, high) <= 1e-9 * max(abs(low), abs(high), 1e-300)
        and max(low, high) >= 0
    ):
        return None
    return t(
        "The value axis does not start at zero: the differences look larger than they are.",
        "数值轴没有从零开始，差异被放大了。",
    )


def _labels_problem(
    seen: Picture, xlabel: bool, ylabel: bool, title: bool, legend: bool | None
) -> str | None:
    lacking = []
    if title and not seen.title:
        lacking.append(t("a title", "标题"))
    if xlabel and not seen.xlabel:
        lacking.append(t("a label of the x axis", "横轴名称"))
    if ylabel and not seen.ylabel:
        lacking.append(t("a label of the y axis", "纵轴名称"))
    if legend and not seen.legend:
        lacking.append(t("a legend", "图例"))
    if not lacking:
        return None
    return t(
        f"The chart lacks {', '.join(lacking)}. A reader who was not there should know what is shown, and in which unit.",
        f"图表缺少{'、'.join(lacking)}。要让没参与的人也看得懂画的是什么、单位是什么。",
    )
