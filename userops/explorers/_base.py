"""The frame of every explorer: labelled controls above a figure, over a function that returns the data shown.

An explorer is three plain functions: ``compute(data, *, control=…)`` returns the frame that is shown,
``draw(ax, frame)`` draws it, ``describe(frame)`` says it in a sentence. This module adds the controls, draws
into a picture with alt text, and shows the same picture where widgets are not available. All three can be
tested without a browser; so can the whole, through ``.set()``, ``.frame`` and ``.sentence``.
"""

from __future__ import annotations

import base64
import html
import inspect
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from userops import style
from userops._language import language, t
from userops.errors import CourseError

Label = str | tuple[str, str]
"""A text already in the language in force, or the pair (English, Chinese)."""

DPI: Final = 100
_REMEMBERED: Final = 64


# --- controls ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """One of several values, as a drop-down list.

    ``options`` is a list of values, or ``{label: value}``; the first is chosen unless ``value`` says another.
    """

    label: Label
    options: Sequence[Any] | Mapping[Label, Any]
    value: Any = None


@dataclass(frozen=True)
class Slider:
    """One number between ``low`` and ``high``; whole if all of them are."""

    label: Label
    low: float
    high: float
    step: float = 1
    value: float | None = None


@dataclass(frozen=True)
class Steps:
    """One of an ordered list of values (dates, months, sizes), as a slider."""

    label: Label
    options: Sequence[Any] | Mapping[Label, Any]
    value: Any = None


@dataclass(frozen=True)
class Range:
    """Two numbers between ``low`` and ``high``; ``compute`` gets the pair ``(from, to)``."""

    label: Label
    low: float
    high: float
    step: float = 1
    value: tuple[float, float] | None = None


@dataclass(frozen=True)
class Toggle:
    """Yes or no, as a check box."""

    label: Label
    value: bool = False


Control = Choice | Slider | Steps | Range | Toggle


def say(label: Label) -> str:
    """Return a label in the language in force."""
    return label if isinstance(label, str) else t(*label)


def _options(options: Sequence[Any] | Mapping[Label, Any]) -> list[tuple[str, Any]]:
    if isinstance(options, Mapping):
        return [(say(k), v) for k, v in options.items()]
    return [(_text(v), v) for v in options]


def _text(value: Any) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)


def _widget(control: Control) -> widgets.Widget:
    common: dict[str, Any] = {
        "description": say(control.label),
        "style": {"description_width": "initial"},
        "layout": {"width": "min(100%, 34em)"},
    }
    if isinstance(control, Toggle):
        return widgets.Checkbox(value=control.value, indent=False, **common)
    if isinstance(control, (Choice, Steps)):
        options = _options(control.options)
        if not options:
            raise ValueError(f"the control {control.label!r} has no options")
        value = options[0][1] if control.value is None else control.value
        if isinstance(control, Choice):
            return widgets.Dropdown(options=options, value=value, **common)
        return widgets.SelectionSlider(options=options, value=value, continuous_update=False, **common)
    low, high, step = control.low, control.high, control.step
    whole = all(float(v).is_integer() for v in (low, high, step))
    # A drag answers once, on release: drawing on the way would only queue up behind the hand.
    common |= {"min": low, "max": high, "step": step, "continuous_update": False}
    if isinstance(control, Range):
        kind = widgets.IntRangeSlider if whole else widgets.FloatRangeSlider
        return kind(value=control.value or (low, high), **common)
    kind = widgets.IntSlider if whole else widgets.FloatSlider
    if not whole:
        common["readout_format"] = f".{_decimals(step)}f"
    return kind(value=low if control.value is None else control.value, **common)


def _decimals(step: float) -> int:
    return max(0, len(f"{step:.6f}".rstrip("0").split(".")[1]))


# --- the explorer --------------------------------------------------------------------------------------


def explorer(
    *,
    compute: Callable[..., pd.DataFrame],
    draw: Callable[..., Any],
    controls: Mapping[str, Control],
    title: Label,
    describe: Callable[..., str] | None = None,
    figsize: tuple[float, float] = (8.0, 4.2),
) -> Explorer:
    """Return an explorer; as the last expression of a cell it shows itself.

    Args:
        compute: takes each control by its name as a keyword, returns the frame to show. Bind the data first
            (``functools.partial(compute, events)``). Results are remembered by the controls' values.
        draw: ``draw(ax, frame)``; if its first parameter is called ``fig`` it gets the empty Figure instead.
            Parameters named like a control get its value.
        controls: ``{parameter of compute: control}``, shown in this order.
        title: what is explored.
        describe: ``describe(frame)``, or with parameters named like controls: one or two sentences that say
            what the figure shows. They are its alternative text and stand below it. Without ``describe``, a
            text that ``draw`` returns serves as the sentence.
        figsize: inches, at 100 dots an inch.

    Raises:
        ValueError: ``compute`` has no parameter for a control.
    """
    return Explorer(compute, draw, dict(controls), title, describe, figsize)


class Explorer:
    """Controls, the frame they give, and its picture.

    Attributes:
        controls: the widgets by name.
        frame: a copy of the data now shown.
        sentence: what the figure shows, in words.
        png: the picture now shown.
    """

    def __init__(
        self,
        compute: Callable[..., pd.DataFrame],
        draw: Callable[..., Any],
        controls: dict[str, Control],
        title: Label,
        describe: Callable[..., str] | None,
        figsize: tuple[float, float],
    ) -> None:
        _require_parameters(compute, controls)
        self._compute, self._draw, self._describe = compute, draw, describe
        self._figsize, self._title, self._lang = figsize, say(title), language()
        self._remembered: OrderedDict[Hashable, tuple[pd.DataFrame, bytes, str]] = OrderedDict()
        self._quiet = False
        self.controls: dict[str, Any] = {name: _widget(control) for name, control in controls.items()}
        self._picture = widgets.HTML()
        self._caption = widgets.HTML()
        self._refresh()
        for widget in self.controls.values():
            widget.observe(self._changed, names="value")
        heading = widgets.HTML(f"<strong>{html.escape(self._title)}</strong>")
        self._box = widgets.VBox([heading, *self.controls.values(), self._picture, self._caption])

    @property
    def values(self) -> dict[str, Any]:
        """Return what the controls stand at."""
        return {name: widget.value for name, widget in self.controls.items()}

    @property
    def frame(self) -> pd.DataFrame:
        """Return a copy of the data now shown."""
        return self._shown[0].copy()

    @property
    def png(self) -> bytes:
        """Return the picture now shown."""
        return self._shown[1]

    @property
    def sentence(self) -> str:
        """Return what the figure shows, in words."""
        return self._shown[2]

    def set(self, **values: Any) -> Explorer:
        """Move controls, draw once, return the explorer itself.

        Raises:
            CourseError: no such control, or a value it does not offer.
        """
        self._quiet = True
        try:
            for name, value in values.items():
                self._move(name, value)
        finally:
            self._quiet = False
        self._refresh()
        return self

    def _move(self, name: str, value: Any) -> None:
        if name not in self.controls:
            known = ", ".join(self.controls)
            raise CourseError(
                t(
                    f"There is no control '{name}'; use one of {known}.",
                    f"没有名为“{name}”的控件；可用：{known}。",
                )
            )
        widget = self.controls[name]
        try:
            widget.value = value
            kept = widget.value == value or tuple(widget.value) == tuple(value)
        except Exception:
            kept = False
        if not kept:
            raise CourseError(
                t(f"The control '{name}' does not offer {value!r}.", f"控件“{name}”没有 {value!r} 这个取值。")
            )

    def _changed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            self._refresh()
        except Exception as error:
            # Raised in a callback it would vanish in the kernel's log, and the picture would lie.
            self._say(f"⚠ {type(error).__name__}: {error}")

    def _refresh(self) -> None:
        values = self.values
        key = repr(sorted(values.items()))
        if key in self._remembered:
            self._remembered.move_to_end(key)
        else:
            self._remembered[key] = self._make(values)
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        self._shown = self._remembered[key]
        alt = html.escape(repr(self), quote=True)
        source = base64.b64encode(self.png).decode("ascii")
        self._picture.value = f'<img alt="{alt}" src="data:image/png;base64,{source}" style="width:100%;max-width:{self._figsize[0] * DPI:.0f}px">'
        self._say(self.sentence)

    def _say(self, sentence: str) -> None:
        lang = "zh-CN" if self._lang == "zh" else "en"
        self._caption.value = f'<p role="status" aria-live="polite" lang="{lang}">{html.escape(sentence)}</p>'

    def _make(self, values: dict[str, Any]) -> tuple[pd.DataFrame, bytes, str]:
        frame = self._compute(**values)
        look: Any = style.settings()  # matplotlib's stubs name every key
        with mpl.rc_context(look):
            # Not through pyplot: nothing to close, and no second picture from the inline back end.
            figure = Figure(figsize=self._figsize, dpi=DPI)
            canvas = FigureCanvasAgg(figure)
            wants_figure = next(iter(inspect.signature(self._draw).parameters), "") in ("fig", "figure")
            target = figure if wants_figure else figure.subplots()
            said = self._draw(target, frame, **_accepted(self._draw, values))
            # One pass: savefig() would draw twice, once only for the layout.
            canvas.draw()  # type: ignore[no-untyped-call]
        picture = BytesIO()
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        Image.fromarray(pixels).convert("RGB").save(picture, "png", compress_level=1)
        if self._describe is not None:
            said = self._describe(frame, **_accepted(self._describe, values))
        return frame, picture.getvalue(), said if isinstance(said, str) else ""

    def __repr__(self) -> str:
        stop = "。" if self._lang == "zh" else ". "
        return f"{self._title}{stop}{self.sentence}" if self.sentence else self._title

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return one display: the widget, and the picture and sentence for front ends without widgets."""
        return {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self._box.model_id,
            },
            "image/png": base64.b64encode(self.png).decode("ascii"),
            "text/plain": repr(self),
        }


def _require_parameters(compute: Callable[..., Any], controls: Mapping[str, Control]) -> None:
    parameters = inspect.signature(compute).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in controls:
        if name not in parameters:
            raise ValueError(f"compute() has no parameter '{name}' for the control of that name")


def _accepted(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the control values that ``function`` has parameters for, beyond its first two."""
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(values)
    return {k: v for k, v in values.items() if k in parameters}
