"""Every test starts in English, with no misconception met."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from userops import _language, check


@pytest.fixture(autouse=True)
def _fresh_course(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_language, "_current", None)
    monkeypatch.delenv("USEROPS_LANG", raising=False)
    check.reset()
    yield
    check.reset()
