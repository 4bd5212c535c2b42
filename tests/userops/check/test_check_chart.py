"""A chart is judged by what its Axes shows and says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from userops import check, use_language

DAYS = pd.date_range("2025-03-01", periods=4)
USERS = [3.0, 1.0, 2.0, 5.0]


@pytest.fixture
def ax() -> Axes:
    figure = Figure()
    FigureCanvasAgg(figure)
    return said(figure.subplots())


@pytest.fixture(autouse=True)
def _plain_style() -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def said(ax: Axes) -> Axes:
    ax.set(xlabel="day", ylabel="users", title="Active users")
    return ax


def refused(got: Any, **kwargs: Any) -> check.CheckError:
    with pytest.raises(check.CheckError) as caught:
        check.chart(got, **kwargs)
    return caught.value


def test_a_line(ax: Axes) -> None:
    ax.plot(DAYS, USERS)
    check.chart(ax, kind="line", x=DAYS, y=USERS, series=1, lines=1)
    check.chart(ax, kind="line", y=sorted(USERS))
    check.chart(ax, x=DAYS[::-1], y=USERS[::-1])


def test_a_line_by_pandas_with_periods_or_dates(ax: Axes) -> None:
    pd.Series(USERS, index=DAYS).plot(ax=ax)
    said(ax)
    check.chart(ax, kind="line", x=DAYS, y=USERS)


def test_lines_of_unlike_length_out_of_one_pivot_table(ax: Axes) -> None:
    table = pd.DataFrame({"a": USERS, "b": [4.0, 2.0, None, None]}, index=range(4))
    table.plot(ax=ax)
    said(ax)
    check.chart(ax, kind="line", x=[0, 1, 2, 3], y=USERS, series=2)
    check.chart(ax, kind="line", x=[0, 1], y=[4.0, 2.0])
    check.chart(ax, kind="line", series={"a": USERS, "b": [4.0, 2.0]})


def test_missing_values_asked_for_are_gaps_too(ax: Axes) -> None:
    ax.plot(DAYS, [3.0, np.nan, 2.0, np.nan])
    for wanted in ([3.0, np.nan, 2.0, np.nan], [3.0, None, 2.0, None]):
        check.chart(ax, kind="line", x=DAYS, y=wanted)
        check.chart(ax, kind="line", y=wanted)
    refused(ax, kind="line", x=DAYS, y=[3.0, np.nan, np.nan, 2.0])
    refused(ax, kind="line", x=DAYS, y=[np.nan] * 4)


@pytest.mark.parametrize(
    ("index", "places"),
    [
        (DAYS, DAYS),
        ([2, 4, 7, 9], [2, 4, 7, 9]),
        (pd.period_range("2025-01", periods=4, freq="M"), pd.date_range("2025-01-01", periods=4, freq="MS")),
        ([-1.5, 0.0, 1.5, 3.0], [-1.5, 0.0, 1.5, 3.0]),
    ],
)
def test_bars_of_pandas_stand_where_their_names_say(ax: Axes, index: Any, places: Any) -> None:
    pd.Series(USERS, index=index).plot.bar(ax=ax)
    said(ax)
    check.chart(ax, kind="bar", x=places, y=USERS)
    refused(ax, kind="bar", x=places, y=USERS[::-1])


@pytest.mark.parametrize("flat", [False, True])
def test_bars_by_name(ax: Axes, flat: bool) -> None:
    (ax.barh if flat else ax.bar)(["kol", "organic", "referral"], [1, 2, 3])
    check.chart(ax, kind="bar", x=["referral", "kol", "organic"], y=[3, 1, 2], zero_based=True)
    assert "asked-for places" in str(refused(ax, kind="bar", x=["kol", "organic", "referral"], y=[3, 2, 1]))
    (ax.set_xlim if flat else ax.set_ylim)(0.5, 3)
    assert "does not start at zero" in str(refused(ax, kind="bar", zero_based=True))


def test_bars_by_pandas_and_by_date(ax: Axes) -> None:
    pd.Series([1, 2], index=["a", "b"]).plot.bar(ax=ax)
    said(ax)
    check.chart(ax, kind="bar", x=["a", "b"], y=[1, 2])
    ax.clear()
    said(ax).bar(DAYS, USERS, width=0.8)
    check.chart(ax, kind="bar", x=DAYS, y=USERS)


def test_bars_drawn_upside_down_start_at_zero_too(ax: Axes) -> None:
    ax.bar(["a", "b"], [-1, -2])
    check.chart(ax, kind="bar", zero_based=True)


def test_a_log_axis_does_not_start_at_zero(ax: Axes) -> None:
    ax.bar(["a", "b"], [1, 2], log=True)
    refused(ax, zero_based=True)


def test_grouped_and_stacked_bars(ax: Axes) -> None:
    pd.DataFrame({"new": [1, 2], "old": [3, 5]}, index=["a", "b"]).plot.bar(ax=ax, stacked=True)
    said(ax)
    check.chart(ax, kind="bar", series={"new": [1, 2], "old": [3, 5]}, legend=True)
    check.chart(ax, kind="bar", series=["new", "old"])
    check.chart(ax, kind="bar", series=2)
    assert "'gone'" in str(refused(ax, series=["new", "gone"]))
    assert "'old' is not drawn" in str(refused(ax, series={"new": [1, 2], "old": [3, 4]}))
    assert "asks for more" in str(refused(ax, series=3))
    assert "too many" in str(refused(ax, series=1))


@pytest.mark.parametrize("histtype", ["bar", "step", "stepfilled"])
def test_a_histogram(ax: Axes, histtype: Any) -> None:
    ax.hist([1, 1, 2, 3, 3, 3], bins=[0.5, 1.5, 2.5, 3.5], histtype=histtype)
    check.chart(ax, kind="hist", y=[2, 1, 3])


def test_stairs_are_a_histogram(ax: Axes) -> None:
    ax.stairs([2, 1, 3], [0, 1, 2, 3])
    check.chart(ax, kind="hist", y=[3, 2, 1])


def test_a_scatter(ax: Axes) -> None:
    ax.scatter([1, 2, 3], [4, 5, 6])
    check.chart(ax, kind="scatter", x=[3, 2, 1], y=[6, 5, 4])
    ax.clear()
    said(ax).plot([1, 2, 3], [4, 5, 6], "o")
    check.chart(ax, kind="scatter", x=[1, 2, 3], y=[4, 5, 6])


@pytest.mark.parametrize("method", ["imshow", "pcolormesh", "matshow"])
def test_a_heat_map(ax: Axes, method: str) -> None:
    getattr(ax, method)(np.array([[1.0, 2.0], [3.0, np.nan]]))
    check.chart(ax, kind="heatmap", y=[1, 2, 3, np.nan])
    refused(ax, kind="heatmap", y=[1, 2, 3, 4])


def test_reference_lines_count_as_lines_not_as_data(ax: Axes) -> None:
    ax.plot(DAYS, USERS)
    ax.axhline(2)
    check.chart(ax, kind="line", series=1, y=USERS, lines=2)
    assert "2 line(s)" in str(refused(ax, lines=3))
    ax.hlines([1, 2], DAYS[0], DAYS[-1])
    check.chart(ax, lines=4)


@pytest.mark.parametrize(
    ("lack", "names"),
    [("title", "a title"), ("xlabel", "a label of the x axis"), ("ylabel", "a label of the y axis")],
)
def test_what_a_reader_needs(ax: Axes, lack: str, names: str) -> None:
    ax.plot(DAYS, USERS)
    ax.set(**{lack: "  "})
    assert names in str(refused(ax))
    check.chart(ax, **{lack: False})


def test_titles_and_labels_may_stand_on_the_figure_or_to_the_left(ax: Axes) -> None:
    ax.plot(DAYS, USERS)
    ax.set(title="", xlabel="", ylabel="")
    ax.set_title("left", loc="left")
    ax.get_figure().supxlabel("day")
    ax.get_figure().supylabel("users")
    check.chart(ax)
    ax.set_title("", loc="left")
    ax.get_figure().suptitle("top")
    check.chart(ax)


def test_a_legend_where_asked(ax: Axes) -> None:
    ax.plot(DAYS, USERS, label="users")
    assert "a legend" in str(refused(ax, legend=True))
    ax.legend()
    check.chart(ax, legend=True)


def test_the_chart_in_any_wrapping(ax: Axes) -> None:
    bars = ax.bar(["a", "b"], [1, 2])
    for got in (
        ax,
        [ax],
        np.array([ax]),
        np.array([[ax]]),
        ax.get_figure(),
        bars,
        bars[0],
        (ax.get_figure(), ax),
    ):
        check.chart(got, kind="bar", y=[1, 2])


def test_a_colour_bar_is_no_second_chart(ax: Axes) -> None:
    image = ax.imshow([[1, 2], [3, 4]])
    ax.get_figure().colorbar(image)
    check.chart(ax.get_figure(), kind="heatmap")


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (None, "None"),
        ("plot", "the text 'plot'"),
        ([], "a list of 0 values"),
        (3, "Expected the chart"),
        (pd.Series([1]), "Expected the chart"),
        (Axes, "the type Axes itself"),
        (said, "Call it: `said(...)`"),
        (mpl, "the module matplotlib"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_chart(got: object, words: str) -> None:
    assert words in str(refused(got))


def test_two_charts_are_one_too_many() -> None:
    figure = Figure()
    both = figure.subplots(1, 2)
    assert "holds 2 pairs of axes" in str(refused(figure))
    refused(both)


def test_an_empty_chart_and_a_wrong_kind(ax: Axes) -> None:
    assert "no data yet" in str(refused(ax))
    ax.plot(DAYS, USERS)
    assert "Expected a bar chart; yours is a line chart" in str(refused(ax, kind="bar"))
    use_language("zh")
    assert "应为柱状图，你画的是折线图" in str(refused(ax, kind="bar"))


def test_wrong_values(ax: Axes) -> None:
    ax.plot(DAYS, USERS)
    assert "The values drawn (4) are not" in str(refused(ax, y=[3, 1, 2, 6]))
    refused(ax, y=[3, 1, 2])
    refused(ax, x=DAYS + pd.Timedelta("1D"), y=USERS)
    refused(ax, x=DAYS[:2])
    check.chart(ax, x=DAYS)
    check.chart(ax, y=[3.1, 1, 2, 5], tol=0.2)


def test_misconceptions(ax: Axes) -> None:
    wrong = {
        "cumulative": ([3, 4, 6, 11], "Cumulative."),
        "truncated": (lambda got: got.get_ylim()[0] > 0, "Truncated."),
        "twin": (lambda got: got.twin, "Two axes."),
    }
    ax.plot(DAYS, np.cumsum(USERS))
    assert refused(ax, kind="line", y=USERS, wrong=wrong).misconception == "cumulative"
    ax.clear()
    said(ax).bar(DAYS, [9, 9, 9, 9])
    ax.set_ylim(8, 10)
    assert refused(ax, kind="bar", y=USERS, wrong=wrong).misconception == "truncated"
    ax.set_ylim(0, 10)
    assert refused(ax, kind="bar", y=USERS, wrong=wrong).misconception is None
    ax.twinx()
    assert refused(ax, kind="bar", y=USERS, wrong=wrong).misconception == "twin"
    assert refused("x", y=USERS, wrong=wrong, hint="Draw it.").message.endswith("Draw it.")


def test_predicates_see_the_usual_getters(ax: Axes) -> None:
    ax.plot(DAYS, USERS)
    seen: list[Any] = []

    def look(got: Any) -> bool:
        seen.append(
            (
                got.get_xlabel(),
                got.get_ylabel(),
                got.get_title(),
                got.get_xscale(),
                got.get_yscale(),
                len(got.get_xlim()),
            )
        )
        return False

    refused(ax, kind="bar", wrong={"look": (look, "")})
    assert seen == [("day", "users", "Active users", "linear", "linear", 2)]


def test_an_unknown_kind_is_the_authors_mistake(ax: Axes) -> None:
    with pytest.raises(ValueError, match="kind must be one of"):
        check.chart(ax, kind="pie")
