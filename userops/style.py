"""How the course's charts look: readable sizes, colours everybody can tell apart, Chinese that draws."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import matplotlib as mpl
from cycler import cycler
from matplotlib import font_manager

FONT_FILE: Final = Path(__file__).parent / "fonts" / "NotoSansCJKsc-GB2312.otf"
"""A subset of Noto Sans CJK SC Regular (SIL OFL 1.1): GB2312 and the signs the course uses."""

FONT_FAMILY: Final = "Userops Sans SC"
"""The name under which matplotlib knows the bundled font, and no other."""

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
    mpl.rcParams.update(cast(Any, settings()))  # its type lists every name


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


def font() -> str:
    """Register the bundled font by its path, once, and return its family name: ``FONT_FAMILY``.

    The name inside the file is that of the whole font, which many systems have installed; which of the two matplotlib
    takes would depend on the order of its list. Under a name of its own the bundled one is always meant.
    """
    fonts = font_manager.fontManager
    # Looked up, not remembered: matplotlib makes its list anew when a font it knew was taken off the disk.
    if all(entry.name != FONT_FAMILY for entry in fonts.ttflist):
        known = len(fonts.ttflist)
        fonts.addfont(str(FONT_FILE))  # also forgets which files were found for which names
        fonts.ttflist[known:] = [replace(fonts.ttflist[known], name=FONT_FAMILY)]
    return FONT_FAMILY


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
    return PALETTE[name] if isinstance(name, str) and name in PALETTE else _unknown(name)


def _unknown(name: Hashable) -> NoReturn:
    raise KeyError(
        f"no colour for {name!r}: use one of {', '.join(PALETTE)}, or pass all categories as `among`"
    )
