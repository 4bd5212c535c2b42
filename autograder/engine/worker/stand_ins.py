"""What stands in the examiner's process for a thing that stayed with the learner."""

from __future__ import annotations

import builtins
from typing import Any, Final, Protocol, cast

from userops.check.grader import Mark, Picture, box, not_attempted

KNOWN_ERRORS: Final = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}


class Owner(Protocol):
    """What a stand-in asks when it is used: who holds the line to the learner's process."""

    def call(self, thing: int | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a learner's function."""

    def attribute(self, thing: int, name: str) -> Any:
        """Read an attribute; raises AttributeError for whatever happens there."""

    def trace(self) -> list[str]:
        """Lines of the last call's error, as a notebook shows it."""


class Remote:
    """An object that stayed with the learner; its attributes are read over the wire, by value."""

    _thing: int | None

    @classmethod
    def named(cls, name: str, module: str, owner: Owner, thing: int | None) -> Remote:
        """Make a stand-in whose class goes by the learner's class's name; without a thing it offers nothing."""
        kind = type(identifier(name), (Remote,), {"__module__": module or "learner"})
        stand_in = cast("Remote", object.__new__(kind))
        object.__setattr__(stand_in, "_owner", owner)
        object.__setattr__(stand_in, "_thing", thing)
        return stand_in

    def __getattr__(self, name: str) -> Any:
        thing = None if name.startswith("__") else object.__getattribute__(self, "_thing")
        if thing is None:
            raise AttributeError(name)
        return object.__getattribute__(self, "_owner").attribute(thing, name)


class RemoteFunction(Remote):
    """A learner's function: calling it runs it there."""

    def __init__(self, owner: Owner, thing: int | None, name: str) -> None:
        object.__setattr__(self, "_owner", owner)
        object.__setattr__(self, "_thing", thing)
        object.__setattr__(self, "__name__", name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it there, by value; raises what it raised."""
        owner: Owner = object.__getattribute__(self, "_owner")
        return owner.call(object.__getattribute__(self, "_thing"), args, kwargs)

    def __deepcopy__(self, memo: Any) -> RemoteFunction:
        return self


class LearnersError:
    """What every error that came over the wire is, besides the class it was."""


def learners_error(name: str, base: type[BaseException], message: str) -> BaseException:
    """Make an exception with a class's name and a message, shown as the learner would see it."""
    kind: Any = type(
        identifier(name),
        (LearnersError, base),
        {"__str__": lambda self: message, "_render_traceback_": _render},
    )
    error: BaseException = kind.__new__(kind)
    error.args = (message,) if message else ()
    return error


def lost(message: str, name: str) -> BaseException:
    """The error of a call that the learner's process did not survive, or did not end: it ends the test."""
    return learners_error(name, KeyboardInterrupt, message)


def _render(error: Any) -> list[str]:
    """What a notebook shows of a learner's error: the learner's own lines, no test."""
    if getattr(error, "__stub__", False):
        return box(not_attempted(), "not_attempted")
    owner, text = getattr(error, "__owner__", None), f"{type(error).__name__}: {error}".rstrip(": ")
    if owner is not None and (lines := owner.trace()):
        return [line[:5000] for line in lines[:200]]
    line = getattr(error, "__line__", "")
    if not line:
        return [text]
    cell, number = error.__at__
    return [f"Cell In[{cell}], line {number}\n----> {number} {line}", text]


def picture_of(fields: Any) -> Picture:
    """What a chart shows, of a learner's process's description of it."""

    def words(value: Any) -> str:
        return str(value)[:2000]

    fields = fields if isinstance(fields, dict) else {}
    marks = [
        Mark(words(m.get("kind")), list(m.get("x") or []), list(m.get("y") or []), words(m.get("label", "")))
        for m in fields.get("marks") or []
        if isinstance(m, dict)
    ]
    text = {key: words(fields.get(key, "")) for key in ("xlabel", "ylabel", "title", "xscale", "yscale")}
    limits = {key: tuple(float(v) for v in list(fields.get(key) or (0, 1))[:2]) for key in ("xlim", "ylim")}
    legend = fields.get("legend")
    return Picture(
        marks=marks, **text, **limits,  # type: ignore[arg-type]
        legend=None if legend is None else [words(v) for v in legend],
        xticks=[words(v) for v in fields.get("xticks") or []],
        yticks=[words(v) for v in fields.get("yticks") or []],
        horizontal=bool(fields.get("horizontal")), twin=bool(fields.get("twin")),
        reference_lines=int(fields.get("reference_lines") or 0), freq=fields.get("freq"),
    )  # fmt: skip


def identifier(name: str) -> str:
    """A learner's name if a class can go by it."""
    return name if name.isidentifier() and len(name) < 100 else "object"
