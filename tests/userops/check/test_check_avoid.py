"""Meeting a misconception without showing the right answer."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from userops import check

WRONG = {"events": (25, "you counted events"), "large": (lambda got: got > 100, "far too many")}


@pytest.mark.parametrize(("got", "key"), [(25, "events"), (25.0, "events"), (101, "large")])
def test_a_known_wrong_answer_is_met(got: float, key: str) -> None:
    with pytest.raises(check.CheckError) as caught:
        check.avoid(check.number, got, wrong=WRONG)
    assert caught.value.misconception == key


@pytest.mark.parametrize("got", [7, "seven", None, [1, 25]])
def test_anything_else_stays_open(got: object) -> None:
    check.avoid(check.number, got, wrong=WRONG)


def test_frames_are_compared_with_the_options_of_their_check() -> None:
    idea = pd.DataFrame({"day": [1, 2], "n": [3, 4]})
    with pytest.raises(check.CheckError, match="upside down"):
        check.avoid(check.frame, idea.iloc[::-1], keys=["day"], wrong={"turned": (idea, "upside down")})
    check.avoid(check.frame, idea.assign(n=0), keys=["day"], wrong={"turned": (idea, "upside down")})


def test_charts_need_no_labels_to_be_recognised() -> None:
    fig, ax = plt.subplots()
    ax.bar([1, 2], [5, 6])
    with pytest.raises(check.CheckError, match="events again"):
        check.avoid(check.chart, ax, kind="bar", x=[1, 2], wrong={"events": ([5, 6], "events again")})
    with pytest.raises(check.CheckError, match="too high"):
        check.avoid(
            check.chart, ax, wrong={"high": (lambda picture: max(picture.marks[0].y) > 5, "too high")}
        )
    check.avoid(check.chart, ax, kind="bar", x=[1, 2], wrong={"other": ([1, 1], "no")})
    plt.close(fig)
