"""Read what a matplotlib Axes shows, as plain values."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from userops._language import t
from userops.check._plain import MISSING, Unreadable, describe, plain


@dataclass(frozen=True)
class Mark:
    """One drawn series: a line, a group of bars, a cloud of points."""

    kind: str
    x: list[Any]
    y: list[Any]
    label: str = ""


@dataclass(frozen=True)
class Label:
    """A text in the picture."""

    text: str

    def get_text(self) -> str:
        return self.text


@dataclass(frozen=True)
class Picture:
    """What an Axes shows; also answers the usual getters, for predicates written for an Axes."""

    marks: list[Mark]
    xlabel: str = ""
    ylabel: str = ""
    title: str = ""
    legend: list[str] | None = None
    xlim: tuple[float, float] = (0.0, 1.0)
    ylim: tuple[float, float] = (0.0, 1.0)
    xscale: str = "linear"
    yscale: str = "linear"
    xticks: list[str] = field(default_factory=list)
    yticks: list[str] = field(default_factory=list)
    horizontal: bool = False
    twin: bool = False
    reference_lines: int = 0
    freq: Any = None

    @property
    def ticks(self) -> list[str]:
        """Labels of the axis along which the categories stand."""
        return self.yticks if self.horizontal else self.xticks

    @property
    def axes(self) -> Picture:
        """Itself, as an Axes' own ``axes``."""
        return self

    def get_xticklabels(self) -> list[Label]:
        return [Label(text) for text in self.xticks]

    def get_yticklabels(self) -> list[Label]:
        return [Label(text) for text in self.yticks]

    def get_xlabel(self) -> str:
        return self.xlabel

    def get_ylabel(self) -> str:
        return self.ylabel

    def get_title(self) -> str:
        return self.title

    def get_xlim(self) -> tuple[float, float]:
        return self.xlim

    def get_ylim(self) -> tuple[float, float]:
        return self.ylim

    def get_xscale(self) -> str:
        return self.xscale

    def get_yscale(self) -> str:
        return self.yscale

    def of_kind(self, kind: str | None) -> list[Mark]:
        """Return the marks of one kind, or all."""
        return [m for m in self.marks if kind is None or m.kind == kind]


@dataclass(frozen=True)
class NoPicture:
    """Stands for what was drawn in another process and is no single chart: says why."""

    reason: str


def axes_of(value: Any) -> Any:
    """Return the one Axes in what a learner handed in: Axes, Figure, array of one, bars, lines.

    Raises:
        Unreadable: there is none, or more than one.
    """
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.container import Container
    from matplotlib.figure import FigureBase

    if isinstance(value, Axes):
        return value
    if isinstance(value, FigureBase):
        every: Any = value.axes  # a list on every figure, whatever its stubs say
        found = [a for a in every if not hasattr(a, "_colorbar")]
        if len(found) == 1:
            return found[0]
        raise Unreadable(
            t(
                f"The figure holds {len(found)} pairs of axes. Hand in the one the exercise asks for.",
                f"这张图里有 {len(found)} 个坐标系，请只交题目要的那一个。",
            )
        )
    if isinstance(value, Container) and len(value) and isinstance(value[0], Artist):
        return axes_of(value[0].axes)
    if isinstance(value, Artist) and getattr(value, "axes", None) is not None:
        return axes_of(value.axes)
    if isinstance(value, (tuple, list, np.ndarray)):
        inside = (
            list(np.asarray(value, dtype=object).ravel()) if isinstance(value, np.ndarray) else list(value)
        )
        if len(inside) == 1 or (
            inside and all(isinstance(v, Artist) and not isinstance(v, (Axes, FigureBase)) for v in inside)
        ):
            return axes_of(inside[0])
        only = [v for v in inside if isinstance(v, Axes)]
        if len(only) == 1:
            return only[0]
    raise Unreadable(
        t(
            f"Expected the chart (an Axes, as from `fig, ax = plt.subplots()`); you handed in {describe(value)}.",
            f"应交图表对象（Axes，例如 `fig, ax = plt.subplots()` 里的 ax），你交的是{describe(value)}。",
        )
    )


def picture(value: Any) -> Picture:
    """Return what the Axes in ``value`` shows."""
    if isinstance(value, Picture):
        return value
    if isinstance(value, NoPicture):
        raise Unreadable(value.reason)
    ax = axes_of(value)
    bars, horizontal = _bars(ax)
    lines, references = _lines(ax)
    fig = ax.get_figure()
    legend = ax.get_legend()
    return Picture(
        marks=[*lines, *bars, *_points(ax), *_steps(ax), *_heat(ax)],
        xlabel=_text(ax.get_xlabel()) or _text(getattr(fig, "get_supxlabel", str)()),
        ylabel=_text(ax.get_ylabel()) or _text(getattr(fig, "get_supylabel", str)()),
        title=next((x for loc in ("center", "left", "right") if (x := _text(ax.get_title(loc)))), "")
        or _text(getattr(fig, "get_suptitle", str)()),
        legend=None if legend is None else [_text(x.get_text()) for x in legend.get_texts()],
        xlim=_limits(ax.get_xlim()),
        ylim=_limits(ax.get_ylim()),
        xscale=ax.get_xscale(),
        yscale=ax.get_yscale(),
        xticks=_ticks(ax.xaxis),
        yticks=_ticks(ax.yaxis),
        horizontal=horizontal,
        twin=any(other is not ax and other.bbox.bounds == ax.bbox.bounds for other in ax.get_figure().axes),
        reference_lines=references,
        freq=getattr(ax, "freq", None)
        or getattr(ax.xaxis, "freq", None),  # pandas draws periods at their ordinals
    )


def _limits(pair: Any) -> tuple[float, float]:
    low, high = pair
    return float(low), float(high)


def _text(value: Any) -> str:
    return " ".join(str(value).split())


def _label(value: Any) -> str:
    text = _text(value)
    return "" if text.startswith("_") else text


def _lines(ax: Any) -> tuple[list[Mark], int]:
    """Return the drawn lines (points if they are drawn without a line), and the number of reference lines."""
    from matplotlib.collections import LineCollection

    found, references = (
        [],
        sum(
            len(c.get_segments())
            for c in ax.collections
            if isinstance(c, LineCollection)  # hlines, vlines
        ),
    )
    for line in ax.get_lines():
        x, y = list(np.atleast_1d(line.get_xdata(orig=True))), list(np.atleast_1d(line.get_ydata(orig=True)))
        if line.get_transform() != ax.transData and len(x) <= 2:
            references += 1  # axhline, axvline and their kin live partly in axes coordinates.
            continue
        bare = str(line.get_linestyle()).lower() in ("none", "", " ")
        if bare and str(line.get_marker()).lower() in ("none", "", " "):
            continue
        # A missing value is not drawn: lines of unlike length out of one pivot table end in such gaps
        # (which pandas hands to matplotlib as masked).
        drawn = [i for i, value in enumerate(y) if value is not np.ma.masked and plain(value) is not MISSING]
        x, y = [x[i] for i in drawn], [y[i] for i in drawn]
        found.append(Mark("scatter" if bare else "line", x, y, _label(line.get_label())))
    return found, references


def _bars(ax: Any) -> tuple[list[Mark], bool]:
    from matplotlib.container import BarContainer
    from matplotlib.patches import Rectangle

    found: list[Mark] = []
    horizontal = False
    used: set[int] = set()
    for container in ax.containers:
        if not isinstance(container, BarContainer):
            continue
        used.update(id(p) for p in container.patches)
        flat = container.orientation == "horizontal"
        horizontal = horizontal or flat
        found.append(_bar_mark(list(container.patches), flat, _label(container.get_label())))
    if len(found) > 1 and all(len(m.y) == 1 and not m.label for m in found):
        # Bars drawn one by one in a loop, without a name each, are one series.
        bars = [c.patches[0] for c in ax.containers if isinstance(c, BarContainer)]
        found = [_bar_mark(bars, horizontal, "")]
    loose = [
        p
        for p in ax.patches
        if isinstance(p, Rectangle) and id(p) not in used and p.get_transform() == ax.transData
    ]
    if loose and not found:
        found.append(_bar_mark(loose, False, ""))
    return found, horizontal


def _bar_mark(patches: list[Any], flat: bool, label: str) -> Mark:
    if flat:
        x = [p.get_y() + p.get_height() / 2 for p in patches]
        y = [p.get_width() for p in patches]
        thickness = [(p.get_y(), p.get_y() + p.get_height()) for p in patches]
    else:
        x = [p.get_x() + p.get_width() / 2 for p in patches]
        y = [p.get_height() for p in patches]
        thickness = [(p.get_x(), p.get_x() + p.get_width()) for p in patches]
    return Mark(
        "hist" if _touching(thickness) else "bar", [float(v) for v in x], [float(v) for v in y], label
    )


def _touching(spans: list[tuple[float, float]]) -> bool:
    """Bars that follow each other without a gap are a histogram's."""
    if len(spans) < 3:
        return False
    spans = sorted(spans)
    return all(abs(b[0] - a[1]) <= 1e-6 * max(1.0, abs(a[1] - a[0])) for a, b in itertools.pairwise(spans))


def _points(ax: Any) -> list[Mark]:
    from matplotlib.collections import PathCollection

    found = []
    for points in ax.collections:
        if isinstance(points, PathCollection):
            offsets: np.ndarray = np.ma.filled(np.ma.asarray(points.get_offsets(), dtype=float), np.nan)
            found.append(
                Mark("scatter", offsets[:, 0].tolist(), offsets[:, 1].tolist(), _label(points.get_label()))
            )
    return found


def _steps(ax: Any) -> list[Mark]:
    from matplotlib.patches import Polygon, StepPatch

    found = []
    for patch in ax.patches:
        if isinstance(patch, StepPatch):
            values, edges, _ = patch.get_data()
            found.append(
                Mark("hist", list((edges[:-1] + edges[1:]) / 2), list(values), _label(patch.get_label()))
            )
        elif type(patch) is Polygon and len(patch.get_xy()) > 4:
            # hist(histtype="step") draws each bin's top as two corners.
            corners = np.asarray(patch.get_xy(), dtype=float)
            tops = [c for a, c in itertools.pairwise(corners) if a[1] == c[1] and a[0] != c[0] and c[1] != 0]
            found.append(
                Mark(
                    "hist",
                    [float(c[0]) for c in tops],
                    [float(c[1]) for c in tops],
                    _label(patch.get_label()),
                )
            )
    return found


def _heat(ax: Any) -> list[Mark]:
    from matplotlib.collections import QuadMesh

    found = []
    for image in [*ax.get_images(), *(c for c in ax.collections if isinstance(c, QuadMesh))]:
        values = image.get_array()
        if values is not None and np.ndim(values) <= 2:
            found.append(
                Mark("heatmap", [], np.ma.filled(np.ma.asarray(values, dtype=float), np.nan).ravel().tolist())
            )
    return found


def _ticks(axis: Any) -> list[str]:
    try:
        return [_text(label.get_text()) for label in axis.get_ticklabels()]
    except Exception:
        return []
