"""Charts draw Chinese and the usual signs with no glyph missing, on a machine without fonts of its own."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from userops import style

SIGNS = "− × ÷ ≥ ≤ ≈ ± ¥ ￥ ° % ‰ → ← ↑ ↓ ✓ ✗ · … — – “” ‘’ 《》 （） ： ， 。 、 Σ μ σ α β λ Δ π √ ∞ ½ ² ³ € £ © ① ② ③ ■ □ ▲ ▼ ● ○ ★"
WORDS = "橘子商城 次日留存 客单价 复购率 拉新 促活 私域 同期群 四川 辽宁 甘肃 重庆 短视频 直播 小程序 退款 钱包 鞋帽 婴童 咖啡 纸尿裤 蘸酱 螺蛳粉 黑芝麻糊 猕猴桃 羽绒服"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def drawn(**labels: str) -> np.ndarray:
    """Draw one chart with these labels, warnings being errors, and return its pixels."""
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.plot([-2, 1, 3], [-1, 0.5, 2], label=labels.get("label", "活跃用户"))
    ax.set(xlabel=labels.get("xlabel", ""), ylabel=labels.get("ylabel", ""), title=labels.get("title", ""))
    ax.legend()
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def test_chinese_and_signs_are_drawn() -> None:
    style.use()
    drawn(title=WORDS, xlabel=SIGNS, ylabel="留存率（%） −3 × 2 ≥ ¥5")


def test_dates_do_not_run_into_each_other_in_a_narrow_chart() -> None:
    style.use()
    figure = Figure(figsize=(5.5, 3.5))
    canvas = FigureCanvasAgg(figure)
    for days in (10, 60, 120, 365):
        figure.clear()
        ax = figure.subplots()
        ax.plot(np.datetime64("2025-01-01") + np.arange(days), np.arange(days))
        canvas.draw()
        boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
        inside = [b for b in boxes if ax.bbox.x0 <= (b.x0 + b.x1) / 2 <= ax.bbox.x1]
        assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(inside)), days


def test_without_the_style_a_glyph_would_be_missing() -> None:
    # The test above is worth something only if matplotlib warns at all.
    with pytest.warns(UserWarning, match="missing from font"):
        drawn(title=WORDS)


def test_log_axes_negative_numbers_and_bold_and_italic_text() -> None:
    style.use()
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.loglog([0.001, 1000], [0.001, 1000])
    ax.set_title("对数轴", fontweight="bold", fontstyle="italic")
    ax.annotate("峰值 $x^{-2}$", (1, 1), fontweight="black")
    canvas.draw()


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_charts_are_saved_in_every_form(form: str) -> None:
    style.use()
    figure = Figure()
    figure.subplots().set_title(WORDS)
    out = BytesIO()
    figure.savefig(out, format=form)
    assert len(out.getvalue()) > 1000


def test_it_works_where_no_font_is_installed(tmp_path: Path) -> None:
    code = """
import warnings; warnings.simplefilter("error")
from matplotlib import font_manager
font_manager.findSystemFonts = lambda *a, **k: []
from userops import style
import matplotlib; matplotlib.use("agg")
import matplotlib.pyplot as plt
style.use()
assert not [f.fname for f in font_manager.fontManager.ttflist if "/usr/" in f.fname], "a system font was used"
fig, ax = plt.subplots()
ax.set(title="橘子商城", xlabel="− × ≥ ¥ ✓")
fig.canvas.draw()
"""
    env = {**os.environ, "MPLCONFIGDIR": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    code = code.replace(
        "from userops import style",
        "font_manager.fontManager.ttflist = [f for f in font_manager.fontManager.ttflist if '/usr/share' not in f.fname]\n"
        "from userops import style",
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, check=False, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr


def font_file() -> Path:
    """The file that text in the course's style is drawn with."""
    return Path(font_manager.findfont(mpl.rcParams["font.family"][0], fallback_to_default=False))


@pytest.fixture
def own_font_list(monkeypatch: pytest.MonkeyPatch) -> list[font_manager.FontEntry]:
    """Matplotlib's list of fonts without the bundled one, to change; the old list is put back afterwards."""
    fonts = font_manager.fontManager
    others = [entry for entry in fonts.ttflist if entry.name != style.FONT_FAMILY]
    monkeypatch.setattr(fonts, "ttflist", others)
    return others


def test_an_installed_font_with_the_files_own_name_does_not_win(
    own_font_list: list[font_manager.FontEntry],
) -> None:
    name = font_manager.FontProperties(fname=str(style.FONT_FILE)).get_name()
    other = next(entry for entry in own_font_list if entry.name == "DejaVu Sans" and entry.weight == 400)
    own_font_list.insert(0, dataclasses.replace(other, name=name))
    style.use()
    assert font_file() == style.FONT_FILE.resolve()
    assert Path(font_manager.findfont(name)) != style.FONT_FILE.resolve(), "the installed one keeps its name"


def test_a_list_of_fonts_made_anew_gets_the_bundled_one_again(
    own_font_list: list[font_manager.FontEntry],
) -> None:
    without = list(own_font_list)
    style.use()
    once = len(font_manager.fontManager.ttflist)
    own_font_list[:] = without
    style.use()
    assert font_file() == style.FONT_FILE.resolve()
    style.use()
    assert len(font_manager.fontManager.ttflist) == once == len(without) + 1


def test_the_font_is_the_bundled_file_and_its_licence_lies_beside_it() -> None:
    style.use()
    assert font_file() == style.FONT_FILE.resolve()
    licence = style.FONT_FILE.with_name("OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert licence.startswith("Copyright")
    for part in (
        "PREAMBLE",
        "DEFINITIONS",
        "PERMISSION & CONDITIONS",
        "TERMINATION",
        "DISCLAIMER",
        "5) The Font Software",
    ):
        assert part in licence


def test_use_sets_the_defaults_and_can_be_called_twice() -> None:
    style.use()
    once = dict(mpl.rcParams)
    style.use()
    assert dict(mpl.rcParams) == once
    assert mpl.rcParams["axes.grid"] is True
    assert [c["color"] for c in mpl.rcParams["axes.prop_cycle"]] == list(style.PALETTE.values())


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# Viénot, Brettel & Mollon (1999): what is left of a linear RGB colour with one kind of cone missing.
DICHROMACY = {
    "protan": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "deutan": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
    "normal": np.eye(3),
}


def _lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = np.cbrt(np.clip(xyz / np.array([0.9505, 1.0, 1.089]), 0.008856, None))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", DICHROMACY)
def test_the_first_six_colours_are_told_apart_by_everybody(kind: str) -> None:
    colours = list(style.PALETTE.values())[:6]
    seen = [_lab(np.clip(DICHROMACY[kind] @ (np.array(to_rgb(c)) ** 2.2), 0, 1)) for c in colours]
    nearest = min(float(np.linalg.norm(a - b)) for i, a in enumerate(seen) for b in seen[i + 1 :])
    assert nearest > 10  # about five times a just noticeable difference


def test_every_colour_is_seen_on_white() -> None:
    assert all((1.05 / (_luminance(c) + 0.05)) > 2 for c in style.PALETTE.values())


def test_a_category_keeps_its_colour() -> None:
    channels = ["organic", "kol", "referral"]
    assert style.colour("kol", among=channels) == list(style.PALETTE.values())[1]
    assert style.colour("red") == style.PALETTE["red"]
    many = list(range(20))
    assert style.colour(19, among=many) in style.PALETTE.values()
    for call in (lambda: style.colour("tv", among=channels), lambda: style.colour("magenta")):
        with pytest.raises(KeyError, match="no colour for"):
            call()
