from __future__ import annotations

import pytest

from userops import language, t, use_language


def test_english_without_a_choice() -> None:
    assert language() == "en"
    assert t("Retention", "留存率") == "Retention"


def test_the_edition_decides() -> None:
    use_language("zh")
    assert (language(), t("Retention", "留存率")) == ("zh", "留存率")
    use_language("en")
    assert t("Retention", "留存率") == "Retention"


def test_the_environment_decides_where_no_edition_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USEROPS_LANG", "zh")
    assert language() == "zh"
    use_language("en")
    assert language() == "en"


def test_an_unknown_language_in_the_environment_is_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USEROPS_LANG", "fr")
    assert language() == "en"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="use one of en, zh"):
        use_language("fr")
