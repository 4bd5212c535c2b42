"""HTML of texts that stand in a feedback page, so that none of them can add script, style, loads or structure.

The chapter's own Markdown is trusted to be HTML; a learner's text is not trusted with anything: its Markdown is
rendered with raw HTML escaped and then cleaned by bleach, its tables keep cells and numbers alone. No heading of
a text becomes a heading of the page, no picture is fetched, and a link leads to an address of the web or nowhere.
"""

from __future__ import annotations

import functools
import html
import re
from typing import Any, Final

from markupsafe import Markup, escape
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# Characters that no HTML page may hold, and those that turn the direction of what follows.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_WEB: Final = re.compile(r"(?i)(?:https?://|mailto:)[^\s]+")


def plain(text: Any) -> str:
    """A text as a terminal would show it: without colours and other control sequences."""
    return _CONTROL.sub("", ANSI.sub("", str(text)))


class _Embedded(IPythonRenderer):
    """Markdown for the inside of a page that has headings, links and pictures of its own."""

    def __init__(self, *, trusted: bool) -> None:
        super().__init__(escape=not trusted, allow_harmful_protocols=False)

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        return f'<p class="heading">{text}</p>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if not _WEB.fullmatch(html.unescape(url)):
            return text
        return f'<a href="{escape(html.unescape(url))}" rel="noopener noreferrer">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return f'<span class="soft">[{text}]</span>' if text else ""

    def block_code(self, code: str, info: str | None = None) -> str:
        return f"<pre><code>{escape(code)}</code></pre>\n"


_chapter_markdown: Final = MarkdownWithMath(renderer=_Embedded(trusted=True))
_learner_markdown: Final = MarkdownWithMath(renderer=_Embedded(trusted=False))


@functools.lru_cache(maxsize=4096)
def chapter_html(text: str) -> Markup:
    """The chapter's own Markdown (never a learner's) as HTML."""
    return Markup(_scoped(_chapter_markdown.render(text)))


@functools.lru_cache(maxsize=256)
def learner_html(text: str) -> Markup:
    """A learner's or an instructor's Markdown as HTML that can do nothing but be read."""
    return Markup(_scoped(_cleaner().clean(_learner_markdown.render(plain(text)))))


def _scoped(markup: str) -> str:
    """Let a Markdown table scroll by itself, and say of each of its headings that it heads a column."""
    if "<table" not in markup:
        return markup
    markup = re.sub(r"<th(?=[\s>])", '<th scope="col"', markup)
    markup = re.sub(r"<table(?=[\s>])", '<div class="scroll" tabindex="0"><table', markup)
    return markup.replace("</table>", "</table></div>")


@functools.cache
def _cleaner() -> Any:
    from bleach.sanitizer import Cleaner

    return Cleaner(
        tags={
            "a", "blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "span", "strong",
            "table", "tbody", "td", "th", "thead", "tr", "ul", "dl", "dt", "dd",
        },
        attributes={"a": ["href", "rel"], "p": _our_class, "span": _our_class, "ol": ["start"]},
        protocols={"http", "https", "mailto"},
        strip=False,
    )  # fmt: skip


def _our_class(tag: str, name: str, value: str) -> bool:
    return name == "class" and value in ("heading", "soft")


# ------------------------------------------------------------------------------------------ tables

_STYLE: Final = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG: Final = re.compile(
    r"""<(?P<end>/?)(?P<name>table|caption|thead|tbody|tfoot|tr|th|td|div|p)"""
    r"""(?P<attributes>(?:\s+[a-zA-Z-]+(?:="[^"<>]*")?)*)\s*>"""
)
_SPAN: Final = re.compile(r'\b(colspan|rowspan)="(\d{1,4})"')
_TEXT: Final = re.compile(r"[^<>]*")


def table_html(markup: str) -> Markup:
    """A table of pandas (``DataFrame.to_html``) as a table without styles, scripts, links and pictures.

    What pandas writes is rebuilt tag by tag; anything else is cleaned by bleach, which takes a hundred times
    longer.
    """
    markup = _CONTROL.sub("", _STYLE.sub("", markup))
    return _rebuilt(markup) or _cleaned_table(markup)


def _rebuilt(markup: str) -> Markup | None:
    """The table, if it holds nothing but table tags in order; its text is copied only where it has no tag."""
    parts: list[str] = []
    open_tags: list[str] = []
    place, head = 0, False
    for match in _TAG.finditer(markup):
        text = markup[place : match.start()]
        if not _TEXT.fullmatch(text):
            return None
        parts.append(_text(text) if text.strip() else "")
        place, name = match.end(), match["name"]
        if match["end"]:
            if not open_tags or open_tags.pop() != name:
                return None
        else:
            open_tags.append(name)
        head = open_tags[-2:-1] != [] and "thead" in open_tags
        if name not in ("div", "p"):
            parts.append(f"</{name}>" if match["end"] else _start(name, match["attributes"], head))
        elif name == "p" and "table" in open_tags:
            return None
        elif name == "p":
            parts.append(f"<{match['end']}p>")
    rest = markup[place:]
    if open_tags or not _TEXT.fullmatch(rest):
        return None
    return Markup("".join([*parts, _text(rest)]))


def _text(text: str) -> str:
    return html.escape(html.unescape(text), quote=False)


def _start(name: str, attributes: str, head: bool) -> str:
    kept = [f' {span}="{number}"' for span, number in _SPAN.findall(attributes)]
    if name == "th":
        kept.append(' scope="col"' if head else ' scope="row"')
    return f"<{name}{''.join(kept)}>"


@functools.lru_cache(maxsize=256)
def _cleaned_table(markup: str) -> Markup:
    from bleach.sanitizer import Cleaner

    spans = ["colspan", "rowspan"]
    cleaner = Cleaner(
        tags={
            "table",
            "caption",
            "thead",
            "tbody",
            "tfoot",
            "tr",
            "th",
            "td",
            "p",
            "br",
            "b",
            "i",
            "em",
            "strong",
        },
        attributes={"th": spans, "td": spans},
        protocols=set(),
        strip=True,
    )
    return Markup(cleaner.clean(markup))
