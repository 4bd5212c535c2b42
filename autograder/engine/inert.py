"""What a learner's output may hold when somebody else looks at it: nothing that acts, and nothing that loads.

Formgrader shows an executed notebook's HTML in the browser of an instructor who is logged in. So of a display's
forms only those remain that can do nothing but be seen: plain text, pictures made of pixels, and HTML
of tables and simple marks, as pandas and the course write it. Of any other HTML only its text is left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape
from typing import Any, Final

_PICTURE: Final = re.compile(r"[A-Za-z0-9+/=\s]*")
_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif"})
_WIDGET: Final = "application/vnd.jupyter.widget-view+json"
# What in Markdown or LaTeX makes HTML, a picture, or a link that acts.
_ACTIVE: Final = re.compile(
    r"[<\0]|!\[|&#|(?:java|vb)script|data:|\\(?:href|url|style|class|cssId|html|unicode|require)", re.I
)

# HTML as pandas and the course write it: tags without scripts, their harmless attributes, the styles of a table.
# Every repetition is possessive: a text made to be hard to match is refused in linear time.
_CSS: Final = r"(?:(?!url|expression|import|position|behavior)[\w\s#%.,();:\-])*+"
_TAGS: Final = (
    "table|caption|colgroup|col|thead|tbody|tfoot|tr|th|td|div|p|b|i|u|s|em|strong|small|sub|sup|br|hr|span|pre|code"
    "|ul|ol|li|dl|dt|dd|h[1-6]|details|summary|blockquote|img"
)
_HTML: Final = re.compile(
    r"(?:[^<>]++"
    rf"|</?(?:{_TAGS})(?:\s++(?:(?:class|id|border|colspan|rowspan|valign|halign|align|scope|lang|width|height)=\"[\w #%-]*+\""
    rf"|style=\"{_CSS}\"|src=\"data:image/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=]*+\"|alt=\"[^\"<>]*+\"))*+\s*+/?>"
    rf"|<a href=\"https://[\w./#?=&%+~-]*+\"(?: target=\"_blank\")?(?: rel=\"[a-z ]*+\")?>|</a>"
    rf"|<style(?: scoped| type=\"text/css\")?>\s*+(?:(?:\.dataframe|#T_)[\w\s#.,:>-]*+\{{{_CSS}\}}\s*+)*+</style>)*+",
    re.I,
)
_TAG: Final = re.compile(r"<[^<>]*+>?")


def inert(data: Any, metadata: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what may be shown of a display's forms and of their metadata.

    Args:
        data: MIME type -> content, as a learner's process sent it.
        metadata: MIME type -> settings, likewise.

    Raises:
        TypeError, AttributeError: ``data`` is no mapping.
    """
    shown: dict[str, Any] = {}
    for mime, value in data.items():
        if mime == _WIDGET:
            if (widget := _widget(value)) is not None:
                shown[mime] = widget
        elif not isinstance(value, str):
            continue
        elif mime == "text/plain":
            shown[mime] = _text(value)
        elif mime == "text/html":
            shown[mime] = html(_text(value))
        elif mime in ("text/markdown", "text/latex"):
            if _ACTIVE.search(value) is None:
                shown[mime] = _text(value)
            else:
                shown["text/plain"] = _text(value)
        elif mime in _PICTURES and _PICTURE.fullmatch(value):
            shown[mime] = value
    if not shown and data:
        shown["text/plain"] = "…"
    return shown, _sizes(metadata)


def html(markup: str) -> str:
    """HTML that can only be seen; of what holds anything else, the text."""
    if "\0" not in markup and _HTML.fullmatch(markup):
        return markup
    return f"<pre>{escape(unescape(_TAG.sub('', markup)))}</pre>"


def _widget(value: Any) -> dict[str, Any] | None:
    model = value.get("model_id") if isinstance(value, Mapping) else None
    if isinstance(model, str) and re.fullmatch(r"[0-9a-f]{32}", model):
        return {"model_id": model, "version_major": 2, "version_minor": 0}
    return None


def _sizes(metadata: Any) -> dict[str, Any]:
    """Of metadata, pictures' sizes."""
    kept = {}
    for mime in _PICTURES:
        given = metadata.get(mime) if isinstance(metadata, Mapping) else None
        if isinstance(given, Mapping):
            sizes = {key: given[key] for key in ("width", "height") if type(given.get(key)) in (int, float)}
            if sizes:
                kept[mime] = sizes
    return kept


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode("utf-8")
