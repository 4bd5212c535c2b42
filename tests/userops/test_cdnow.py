"""CDNOW is read whole, is the data the published results were computed from, and reproduces them."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

from userops import cdnow, use_language
from userops.errors import CourseError


@pytest.fixture(autouse=True)
def _read_afresh() -> None:
    for read in (cdnow._master, cdnow._sample, cdnow._customers):
        read.cache_clear()


def test_every_purchase() -> None:
    bought = cdnow.transactions()
    assert list(bought.columns) == ["customer_id", "date", "cds", "amount"]
    assert [str(d) for d in bought.dtypes] == ["int64", "datetime64[us]", "int64", "float64"]
    assert len(bought) == 69_659
    assert bought["customer_id"].nunique() == 23_570
    assert (bought["date"].min(), bought["date"].max()) == (
        pd.Timestamp("1997-01-01"),
        pd.Timestamp("1998-06-30"),
    )
    assert bought["amount"].sum() == pytest.approx(2_500_315.63)
    assert bought["cds"].sum() == 167_881
    assert not bought.isna().any().any()
    # Everybody's first purchase lies in the first twelve weeks: one cohort.
    assert bought.groupby("customer_id")["date"].min().max() == pd.Timestamp("1997-03-25")


def test_the_sample() -> None:
    bought = cdnow.transactions(sample=True)
    assert len(bought) == 6_919
    assert sorted(bought["customer_id"].unique()) == list(range(1, 2_358))
    assert list(bought.columns) == list(cdnow.transactions().columns)


def test_the_customers() -> None:
    people = cdnow.customers()
    assert list(people.columns) == ["customer_id", "frequency", "recency", "age", "mean_amount"]
    assert len(people) == 2_357
    repeat = people[people["frequency"] > 0]
    assert len(repeat) == 946
    assert round(repeat["mean_amount"].mean(), 2) == 35.08
    first = people.iloc[0]
    assert (first["frequency"], first["recency"], first["age"]) == (2, 30.43, 38.86)


def test_each_call_gives_a_new_frame() -> None:
    for read in (cdnow.transactions, cdnow.customers):
        frame = read()
        frame.iloc[:, 0] = 0
        assert read().iloc[:, 0].max() > 0


def by_day_and_week(bought: pd.DataFrame, days: int) -> pd.DataFrame:
    """Sum up to one row a customer: purchases collapsed to periods of ``days``, times in weeks."""
    known = bought[bought["date"] <= cdnow.CALIBRATION_END]
    start = known["date"].min()
    period = ((known["date"] - start).dt.days // days).rename("period")
    once = known.assign(period=period).drop_duplicates(["customer_id", "period"])
    group = once.groupby("customer_id")["period"]
    end = (cdnow.CALIBRATION_END - start).days // days
    weeks = days / 7
    return pd.DataFrame(
        {"x": group.count() - 1, "t_x": (group.max() - group.min()) * weeks, "T": (end - group.min()) * weeks}
    )


def log_likelihood(theta: np.ndarray, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> float:
    """BG/NBD (Fader, Hardie & Lee 2005, equation 6), parameters as logarithms: r, alpha, a, b."""
    r, alpha, a, b = np.exp(theta)
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(a + b) + gammaln(b + x)
    common -= gammaln(b) + gammaln(a + b + x)
    alive = -(r + x) * np.log(alpha + T)
    gone = np.where(
        x > 0, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x), -np.inf
    )
    return float(np.sum(common + np.logaddexp(alive, gone)))


def fitted(data: pd.DataFrame) -> tuple[np.ndarray, float]:
    columns = [data[c].to_numpy(dtype=float) for c in ("x", "t_x", "T")]
    best = minimize(lambda th: -log_likelihood(th, *columns), np.zeros(4), method="L-BFGS-B")
    return np.exp(best.x), -float(best.fun)


@pytest.mark.parametrize("source", ["transactions", "customers"])
def test_the_published_parameters_come_out(source: str) -> None:
    if source == "transactions":
        data = by_day_and_week(cdnow.transactions(sample=True), days=1)
    else:
        data = cdnow.customers().rename(columns={"frequency": "x", "recency": "t_x", "age": "T"})
    (r, alpha, a, b), likelihood = fitted(data)
    assert r == pytest.approx(0.243, abs=0.0005)
    assert alpha == pytest.approx(4.414, abs=0.0025)  # flat likelihood: the optimiser's last digit
    assert a == pytest.approx(0.793, abs=0.001)
    assert b == pytest.approx(2.426, abs=0.004)
    assert likelihood == pytest.approx(-9582.4, abs=0.05)
    expected = _conditional_expectation(r, alpha, a, b, x=2, t_x=30.43, T=38.86, t=39)
    assert expected == pytest.approx(1.226, abs=0.0005)


def _conditional_expectation(
    r: float, alpha: float, a: float, b: float, *, x: int, t_x: float, T: float, t: float
) -> float:
    """Purchases expected in the next ``t`` weeks (equation 10)."""
    z = t / (alpha + T + t)
    first = (
        (a + b + x - 1)
        / (a - 1)
        * (1 - ((alpha + T) / (alpha + T + t)) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, z))
    )
    return float(first / (1 + (x > 0) * a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x)))


def test_collapsing_by_week_is_a_trap() -> None:
    # Weeks counted from 1 January; other starts of the week differ in the second digit, and none is near.
    (r, alpha, a, b), _ = fitted(by_day_and_week(cdnow.transactions(sample=True), days=7))
    assert (round(r, 2), round(alpha, 1), round(a, 2), round(b, 1)) == (0.28, 6.5, 0.69, 2.3)


@pytest.mark.parametrize(("lang", "words"), [("en", "not installed; run"), ("zh", "没有安装；请运行")])
def test_a_missing_package(monkeypatch: pytest.MonkeyPatch, lang: str, words: str) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(cdnow.metadata, "distribution", missing)
    use_language(lang)
    for read in (cdnow.transactions, cdnow.customers):
        with pytest.raises(CourseError, match=f"{words} `pip install Lifetimes==0.11.3`"):
            read()


class _Other:
    """A package whose files are gone, or not the ones we know."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.files = [_Path(folder, n) for n in names]


class _Path:
    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    def as_posix(self) -> str:
        return self.name

    def locate(self) -> Path:
        return self.folder / self.name


@pytest.mark.parametrize("case", ["no file list", "not listed", "deleted", "changed"])
def test_files_that_are_not_the_expected_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: str
) -> None:
    name = "lifetimes/datasets/CDNOW_master.txt"
    other = _Other(tmp_path, [] if case == "not listed" else [name])
    if case == "no file list":
        other.files = None  # type: ignore[assignment]
    if case == "changed":
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("header\n 00001 19970101  1   11.77\n", encoding="utf-8")
    monkeypatch.setattr(cdnow.metadata, "distribution", lambda _: other)
    with pytest.raises(
        CourseError, match=r"CDNOW_master\.txt of Lifetimes is missing or not the one of version"
    ):
        cdnow.transactions()


def test_the_package_is_never_imported() -> None:
    code = "import sys; from userops import cdnow; cdnow.transactions(); cdnow.customers(); print('lifetimes' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "False"
