"""How the course's charts look: readable sizes, colours everybody can tell apart, Chinese that draws."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from cycler import cycler
from matplotlib import font_manager

FONT_FILE: Final = Path(__file__).parent / "fonts" / "NotoSansCJKsc-GB2312.otf"
"""A subset of Noto Sans CJK SC Regular (SIL OFL 1.1): GB2312 and the signs the course uses."""

# Okabe & Ito (2008), "Color Universal Design": told apart with the usual kinds of colour blindness. Yellow is
# left out (unreadable on white); the order puts the most different ones first.
PALETTE: Final[dict[str, str]] = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "pink": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#333333",
    "grey": "#8C8C8C",
}
"""The named colours, in the order in which charts use them."""

SEQUENTIAL: Final = "cividis"
DIVERGING: Final = "PuOr"


def use() -> None:
    """Set matplotlib's defaults for this process; the set-up cell of each chapter calls it."""
    mpl.rcParams.update(settings())


def settings() -> dict[str, Any]:
    """Return the course's rcParams, with the bundled font registered."""
    return {
        # Signs outside of the bundled subset fall back to matplotlib's own font.
        "font.family": [font(), "DejaVu Sans"],
        "font.size": 11,
        "axes.titlesize": 13,
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.labelsize": 11,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=list(PALETTE.values())),
        # Short enough not to run into each other in a narrow chart; numbers read the same in both languages.
        "date.autoformatter.day": "%m-%d",
        "date.autoformatter.hour": "%m-%d %H:00",
        "grid.color": "#E3E3E3",
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "lines.linewidth": 2.0,
        "lines.markersize": 5,
        "figure.figsize": (8.0, 4.5),
        "figure.dpi": 100,
        "savefig.dpi": 100,
        "figure.constrained_layout.use": True,
        "image.cmap": SEQUENTIAL,
    }


@lru_cache(maxsize=1)
def font() -> str:
    """Register the bundled font by its path and return its family name."""
    font_manager.fontManager.addfont(str(FONT_FILE))
    return font_manager.FontProperties(fname=str(FONT_FILE)).get_name()


def colour(name: Hashable, among: list[Hashable] | tuple[Hashable, ...] | None = None) -> str:
    """Return a colour: of the palette by its name, or of one category among several.

    Args:
        name: a key of ``PALETTE``, or a category.
        among: all categories in their fixed order, so that one keeps its colour in every chart.

    Raises:
        KeyError: ``name`` is neither in the palette nor ``among`` the categories.
    """
    if among is not None:
        colours = list(PALETTE.values())
        return colours[list(among).index(name) % len(colours)] if name in list(among) else _unknown(name)
    return PALETTE[name] if name in PALETTE else _unknown(name)  # type: ignore[index]


def _unknown(name: Hashable) -> str:
    raise KeyError(
        f"no colour for {name!r}: use one of {', '.join(PALETTE)}, or pass all categories as `among`"
    )
