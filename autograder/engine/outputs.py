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

from nbformat import NotebookNode
from nbformat.v4 import new_output

Output = dict[str, Any]


def as_outputs(found: Any, limit: int) -> list[NotebookNode]:
    """Return outputs that came from a learner's process as valid notebook outputs: it may have sent anything."""
    outputs: list[NotebookNode] = []
    if not isinstance(found, list):
        return outputs
    for item in found:
        try:
            output = _as_output(item)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        limit -= _size(output)
        if limit < 0 or len(outputs) >= 1000:
            # A test is judged by its error and its result: these are cut, never left out.
            if output.output_type == "error" and len(outputs) < 1100:
                output.traceback = [f"{output.ename}: {output.evalue}"[:2000]]
            elif output.output_type == "execute_result" and len(outputs) < 1100:
                output.data = {"text/plain": output.data.get("text/plain", "")[:2000]}
            else:
                continue
        outputs.append(output)
    return outputs


def _size(output: NotebookNode) -> int:
    if output.output_type == "stream":
        return len(output.text)
    if output.output_type == "error":
        return sum(map(len, output.traceback)) + len(output.evalue)
    return sum(len(value) for value in output.data.values() if isinstance(value, str))


def _as_output(item: dict[str, Any]) -> NotebookNode:
    kind = item["output_type"]
    if kind == "stream":
        name = "stderr" if item["name"] == "stderr" else "stdout"
        return new_output("stream", name=name, text=_text(item["text"]))
    if kind == "error":
        traceback = [_text(line) for line in item["traceback"][:200]]
        return new_output(
            "error",
            ename=_text(item["ename"])[:200],
            evalue=_text(item["evalue"])[:20_000],
            traceback=traceback,
        )
    if kind not in ("display_data", "execute_result"):
        raise ValueError(kind)
    data, metadata = sanitise(item["data"], item.get("metadata"))
    extra = {}
    if kind == "execute_result":
        count = item.get("execution_count")
        extra["execution_count"] = count if isinstance(count, int) else None
    return new_output(kind, data=data, metadata=metadata, **extra)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value.encode("utf-8", "replace").decode("utf-8")


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


def sanitise(data: Any, metadata: Any) -> tuple[dict[str, Any], dict[str, Any]]:
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
