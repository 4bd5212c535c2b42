"""A decision: a small dict of choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from userops import check

ACCEPTED = {
    "channel": "referral",
    "budget": {"raise", "keep"},
    "days": (7, 14),
    "ship": True,
    "share": lambda v: 0.2 <= v <= 0.3,
}
RIGHT = {"channel": "Referral", "budget": "keep", "days": 14.0, "ship": True, "share": 0.25}


def refused(got: Any, **kwargs: Any) -> check.CheckError:
    with pytest.raises(check.CheckError) as caught:
        check.decision(got, ACCEPTED, **kwargs)
    return caught.value


@pytest.mark.parametrize(
    "got",
    [
        RIGHT,
        pd.Series(RIGHT),
        {**RIGHT, "note": "…"},
        {**RIGHT, "ship": np.True_},
        {**RIGHT, "channel": ["referral"]},
    ],
)
def test_right(got: Any) -> None:
    check.decision(got, ACCEPTED)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channel": "kol"}, "channel"),
        ({"budget": "cut"}, "budget"),
        ({"days": 30}, "days"),
        ({"ship": 1}, "ship"),
        ({"share": 0.5}, "share"),
        ({"share": "x"}, "share"),
    ],
)
def test_the_field_that_is_off_is_named_with_its_reason(change: dict[str, Any], field: str) -> None:
    error = refused({**RIGHT, **change}, why={field: "Because.", "other": "no"})
    assert str(error) == f"The data do not support your choice of `{field}`.\nBecause."


def test_missing_and_undecided_fields() -> None:
    assert "lacks `budget`, `days`" in str(
        refused({k: v for k, v in RIGHT.items() if k not in ("budget", "days")})
    )
    assert "not decided `channel`" in str(refused({**RIGHT, "channel": None}))
    assert "not decided `channel`" in str(refused({**RIGHT, "channel": ...}))
    assert "not decided `channel`" in str(refused({**RIGHT, "channel": ""}))
    assert "Expected a dict of choices; you handed in the text 'x'" in str(refused("x"))
    assert refused(...).state == "not_attempted"


def test_a_misconception_needs_all_of_its_fields() -> None:
    wrong = {
        "last_click": ({"channel": {"search_ads", "kol"}, "budget": "raise"}, "Last click."),
        "greedy": (lambda got: got["share"] > 1, "Greedy."),
    }
    assert refused({**RIGHT, "channel": "kol", "budget": "raise"}, wrong=wrong).misconception == "last_click"
    assert refused({**RIGHT, "channel": "kol", "budget": "keep"}, wrong=wrong).misconception is None
    assert refused({**RIGHT, "share": 2}, wrong=wrong).misconception == "greedy"
    assert refused({**RIGHT, "share": 2}, hint="Think.").misconception is None
    assert refused({**RIGHT, "channel": "kol"}, wrong={"all": ({}, "never")}).misconception is None
    assert refused({"channel": "kol"}, wrong={"kol": ({"channel": "kol"}, "Kol.")}).misconception == "kol"
