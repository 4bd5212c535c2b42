"""The check of a decision: a small dict of choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from userops._language import t
from userops.check._compare import same_scalar
from userops.check._form import scalar
from userops.check._judge import Wrong, is_predicate, judge
from userops.check._plain import Unreadable, describe, kind_of, plain, unwrap
from userops.check._values import folded


def decision(
    got: Any,
    accepted: Mapping[str, Any],
    *,
    wrong: Wrong | None = None,
    why: Mapping[str, str] | None = None,
    hint: str | None = None,
) -> None:
    """Check a dict of choices.

    Args:
        got: what the learner decided, ``{field: choice}``.
        accepted: ``{field: value}``; a set, list or tuple of values are all right, a predicate decides itself.
        wrong: ``{key: ({field: value, ...}, message)}``, met if all those fields have those values; or a
            predicate of the dict. A predicate gets each choice as a built-in.
        why: ``{field: sentence}`` said when that field is not right.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: a field is missing or not right.
    """
    reasons = why or {}

    def compare(value: Any, target: Mapping[str, Any]) -> str | None:
        fields = choices(value)
        if target is not accepted:
            # A misconception: the fields it names have the values it names.
            met = all(f in fields and _fits(fields[f], v) for f, v in target.items())
            return None if met and target else "no match"
        lacking = [f for f in target if f not in fields]
        if lacking:
            names = ", ".join(f"`{f}`" for f in lacking)
            return t(f"Your decision lacks {names}.", f"你的决定缺少 {names}。")
        undecided = [
            f for f in target if fields[f] is None or fields[f] is Ellipsis or plain(fields[f]) == ""
        ]
        if undecided:
            names = ", ".join(f"`{f}`" for f in undecided)
            return t(f"You have not decided {names} yet.", f"{names} 还没有决定。")
        off = [f for f in target if not _fits(fields[f], target[f])]
        if not off:
            return None
        names = ", ".join(f"`{f}`" for f in off)
        lines = [t(f"The data do not support your choice of {names}.", f"数据不支持你对 {names} 的选择。")]
        lines.extend(reasons[f] for f in off if f in reasons)
        return "\n".join(lines)

    judge(got, accepted, wrong or {}, compare, hint, form=choices)


def choices(value: Any) -> dict[str, Any]:
    """Return a decision as a dict of plain scalars by field.

    Raises:
        Unreadable: it is no dict.
    """
    value = unwrap(value)
    if isinstance(value, pd.Series):
        value = value.to_dict()
    if not isinstance(value, Mapping):
        raise Unreadable(
            t(
                f"Expected a dict of choices; you handed in {describe(value)}.",
                f"应为一个写明各项选择的字典，你交的是{describe(value)}。",
            )
        )
    return {str(k).strip(): scalar(v) for k, v in value.items()}


def _fits(value: Any, accepted: Any) -> bool:
    if is_predicate(accepted):
        try:
            return bool(accepted(value))
        except Exception:
            return False
    if isinstance(accepted, (set, frozenset, list, tuple)):
        return any(_fits(value, a) for a in accepted)
    value, accepted = plain(value), plain(accepted)
    if isinstance(value, str) and isinstance(accepted, str):
        return folded(value) == folded(accepted)
    if isinstance(accepted, bool):
        return isinstance(value, bool) and value == accepted
    return kind_of(value) == kind_of(accepted) and same_scalar(value, accepted)
