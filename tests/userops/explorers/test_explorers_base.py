"""An explorer without a browser: its data, its words, its picture, and what a front end gets."""

from __future__ import annotations

import base64
import gc
from functools import partial
from io import BytesIO
from typing import Any

import ipywidgets as widgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient
from PIL import Image

from userops import use_language
from userops.errors import CourseError
from userops.explorers import _base
from userops.explorers._base import Choice, Explorer, Range, Slider, Steps, Toggle, explorer

DATA = pd.DataFrame({"day": range(30), "users": np.arange(30.0) % 7})
CALLS: list[dict[str, Any]] = []


def compute(
    data: pd.DataFrame,
    *,
    window: int = 7,
    kind: str = "mean",
    span: Any = (0, 30),
    log: bool = False,
    month: Any = None,
) -> pd.DataFrame:
    CALLS.append({"window": window, "kind": kind, "span": span, "log": log, "month": month})
    if window == 13:
        raise ValueError("thirteen")
    return data.assign(users=data["users"].rolling(window).agg(kind)).iloc[span[0] : span[1]]


def draw(ax: Any, frame: pd.DataFrame, window: int) -> None:
    ax.plot(frame["day"], frame["users"])
    ax.set(title=f"窗口 {window} 天", xlabel="日", ylabel="活跃用户")


def describe(frame: pd.DataFrame, *, kind: str) -> str:
    return f"{kind} <{len(frame)}>"


def made(**changes: Any) -> Explorer:
    CALLS.clear()
    parts: dict[str, Any] = {
        "compute": partial(compute, DATA),
        "draw": draw,
        "describe": describe,
        "title": ("Rolling users", "滚动用户"),
        "controls": {
            "window": Slider(("Window (days)", "窗口（天）"), 1, 14, value=7),
            "kind": Choice("Kind", {("mean", "均值"): "mean", ("sum", "合计"): "sum"}),
            "span": Range("Days", 0, 30),
            "log": Toggle("Log"),
            "month": Steps("Month", list(pd.date_range("2025-01-01", periods=3, freq="MS"))),
        },
    }
    return explorer(**(parts | changes))


def test_the_frame_is_what_compute_returns_for_the_controls() -> None:
    shown = made()
    assert shown.values == {
        "window": 7,
        "kind": "mean",
        "span": (0, 30),
        "log": False,
        "month": pd.Timestamp("2025-01-01"),
    }
    pd.testing.assert_frame_equal(shown.frame, compute(DATA, window=7))
    shown.set(window=3, kind="sum", span=(5, 20))
    pd.testing.assert_frame_equal(shown.frame, compute(DATA, window=3, kind="sum", span=(5, 20)))


def test_a_change_of_the_frame_stays_outside() -> None:
    shown = made()
    frame = shown.frame
    frame["users"] = 0
    assert shown.frame["users"].max() > 0


def test_moving_a_widget_redraws() -> None:
    shown = made()
    before = shown.png
    shown.controls["window"].value = 2
    assert shown.png != before
    assert shown.frame["users"].notna().sum() == 29


def test_several_controls_move_in_one_drawing_and_results_are_remembered() -> None:
    shown = made()
    assert len(CALLS) == 1
    shown.set(window=3, kind="sum")
    assert len(CALLS) == 2
    shown.set(window=7, kind="mean").set(window=3, kind="sum")
    assert len(CALLS) == 2


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_base, "_REMEMBERED", 2)
    shown = made()
    for window in (1, 2, 3, 1):
        shown.set(window=window)
    assert len(CALLS) == 5
    assert len(shown._remembered) == 2


def test_the_picture_has_the_promised_size_and_alternative_text() -> None:
    shown = made()
    picture = Image.open(BytesIO(shown.png))
    assert (picture.format, picture.size) == ("PNG", (800, 420))
    markup = shown._picture.value
    assert 'alt="Rolling users. mean &lt;30&gt;"' in markup
    assert base64.b64encode(shown.png).decode() in markup
    assert shown._caption.value == '<p role="status" aria-live="polite" lang="en">mean &lt;30&gt;</p>'
    shown.set(kind="sum")
    assert "sum &lt;30&gt;" in shown._caption.value
    assert "sum &lt;30&gt;" in shown._picture.value


def test_labels_follow_the_language() -> None:
    use_language("zh")
    shown = made()
    assert shown.controls["window"].description == "窗口（天）"
    assert [label for label, _ in shown.controls["kind"].options] == ["均值", "合计"]
    assert 'alt="滚动用户。mean' in shown._picture.value
    assert 'lang="zh-CN"' in shown._caption.value


def test_every_control_is_labelled_and_answers_once_a_drag() -> None:
    shown = made()
    kinds = {name: type(widget) for name, widget in shown.controls.items()}
    assert kinds == {
        "window": widgets.IntSlider,
        "kind": widgets.Dropdown,
        "span": widgets.IntRangeSlider,
        "log": widgets.Checkbox,
        "month": widgets.SelectionSlider,
    }
    for widget in shown.controls.values():
        assert widget.description
        assert getattr(widget, "continuous_update", False) is False
    assert shown.controls["month"].options[0][0] == "2025-01-01"


def test_sliders_of_fractions() -> None:
    shown = made(
        controls={"share": Slider("Share", 0, 1, 0.05, 0.5), "band": Range("Band", 0, 1, 0.1, (0.2, 0.4))},
        compute=lambda *, share, band: DATA.head(3).assign(share=share, low=band[0]),
        draw=lambda ax, frame: None,
        describe=None,
    )
    assert shown.controls["share"].readout_format == ".2f"
    assert shown.set(share=0.25, band=(0.1, 0.3)).frame.iloc[0][["share", "low"]].tolist() == [0.25, 0.1]


def test_draw_may_take_the_figure_and_return_the_sentence() -> None:
    seen: list[Any] = []

    def on_figure(fig: Figure, frame: pd.DataFrame, **controls: Any) -> str:
        seen.append((fig, controls))
        fig.subplots(1, 2)
        return f"two panels, {len(frame)} rows"

    shown = made(draw=on_figure, describe=None)
    assert isinstance(seen[0][0], Figure)
    assert set(seen[0][1]) == {"window", "kind", "span", "log", "month"}
    assert shown.sentence == "two panels, 30 rows"
    assert repr(shown) == "Rolling users. two panels, 30 rows"
    assert repr(made(describe=None)) == "Rolling users"


def test_no_figure_is_left_open() -> None:
    shown = made()
    for window in range(1, 5):
        shown.set(window=window)
    assert plt.get_fignums() == []
    gc.collect()
    assert sum(isinstance(o, Figure) for o in gc.get_objects()) < 4


def test_an_error_after_a_move_is_shown_and_the_first_one_raised() -> None:
    shown = made()
    before = shown.png
    shown.controls["window"].value = 13
    assert "⚠ ValueError: thirteen" in shown._caption.value
    assert shown.png == before
    shown.controls["window"].value = 4
    assert "⚠" not in shown._caption.value
    with pytest.raises(ValueError, match="thirteen"):
        made(controls={"window": Slider("w", 1, 14, value=13)})


def test_moves_that_cannot_be() -> None:
    shown = made()
    with pytest.raises(CourseError, match="no control 'days'; use one of window, kind"):
        shown.set(days=3)
    for name, value in (
        ("kind", "median"),
        ("window", 99),
        ("window", "x"),
        ("span", (50, 60)),
        ("month", "2025-01-01"),
    ):
        with pytest.raises(CourseError, match=f"'{name}' does not offer"):
            shown.set(**{name: value})
    use_language("zh")
    with pytest.raises(CourseError, match="没有名为“days”的控件"):
        shown.set(days=3)


def test_mistakes_of_an_author() -> None:
    with pytest.raises(ValueError, match="no parameter 'size'"):
        made(controls={"size": Slider("Size", 1, 2)})
    with pytest.raises(ValueError, match="no options"):
        made(controls={"kind": Choice("Kind", [])})


def test_one_display_holds_the_widget_the_picture_and_the_words() -> None:
    shown = made()
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == shown._box.model_id
    assert base64.b64decode(bundle["image/png"]) == shown.png
    assert bundle["text/plain"] == "Rolling users. mean <30>"


def test_nothing_is_said_outside_of_a_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    made()
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", "")


@pytest.mark.filterwarnings("default")  # what the client's own libraries say is not the course's business
def test_in_a_real_kernel() -> None:
    source = """
import pandas as pd, warnings
warnings.simplefilter("error")
%matplotlib inline
from userops import use_language, style
use_language("zh")
style.use()
from userops.explorers import _base
from userops.explorers._base import Slider, explorer
def compute(*, window): return pd.DataFrame({"x": range(window)})
def draw(ax, frame): ax.plot(frame["x"]); ax.set_title("活跃用户")
explorer(compute=compute, draw=draw, controls={"window": Slider("窗口", 2, 9)}, title="滚动", describe=lambda f: f"{len(f)} 行")
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    NotebookClient(notebook, timeout=120).execute()
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "execute_result"
    assert output.data["text/plain"] == "滚动。2 行"
    assert Image.open(BytesIO(base64.b64decode(output.data["image/png"]))).size == (800, 420)
    model = output.data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert model in notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
