"""Real purchases: CDNOW, 1997–98, read from the files that the Lifetimes package ships.

The data are the customers of an online music shop who bought for the first time in January to March 1997,
with every purchase up to June 1998 (Fader & Hardie 2001, "Forecasting repeat sales at CDNOW"). Nothing is
copied into the course: the files are found through the package's own list of files, the package itself is
never imported, and a checksum tells that they are the ones the published results were computed from.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Final

import pandas as pd

from userops._language import t
from userops.errors import CourseError

PACKAGE: Final = "Lifetimes"
VERSION: Final = "0.11.3"
_FILES: Final = {
    "lifetimes/datasets/CDNOW_master.txt": "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
    "lifetimes/datasets/CDNOW_sample.txt": "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a",
    "lifetimes/datasets/cdnow_customers_summary_with_transactions.csv": (
        "7ddd11b55be3227edfc1d58675154e96971b0de3ad37ddd9280d1dba154b8b2f"
    ),
}

CALIBRATION_END: Final = pd.Timestamp("1997-09-30")
"""The last day of the 39-week calibration period of the published results."""


def transactions(*, sample: bool = False) -> pd.DataFrame:
    """Return every purchase.

    Args:
        sample: only those of the 2,357 customers (one in ten) that the published results use.

    Returns:
        ``customer_id`` (int), ``date`` (midnight), ``cds`` (number of CDs), ``amount`` (US dollars): 69,659
        rows of 23,570 customers, or 6,919 of 2,357. A customer may buy more than once a day. In the sample,
        ``customer_id`` is that of ``customers()``.

    Raises:
        CourseError: the package is missing or its files are not the expected ones.
    """
    return (_sample() if sample else _master()).copy()


def customers() -> pd.DataFrame:
    """Return the 2,357 customers of the published results, summed up to 1997-09-30.

    Returns:
        ``customer_id``; ``frequency``: days with a repeat purchase; ``recency``: weeks from the first purchase
        to the last; ``age``: weeks from the first purchase to the end of the period (T); ``mean_amount``: mean
        spend of the days with a repeat purchase in US dollars, 0 for customers without one.

    Raises:
        CourseError: the package is missing or its files are not the expected ones.
    """
    return _customers().copy()


@lru_cache(maxsize=1)
def _master() -> pd.DataFrame:
    raw = _read("lifetimes/datasets/CDNOW_master.txt")
    frame = pd.read_csv(
        BytesIO(raw), sep=r"\s+", skiprows=1, header=None, names=["customer_id", "date", "cds", "amount"]
    )
    return _dated(frame)


@lru_cache(maxsize=1)
def _sample() -> pd.DataFrame:
    raw = _read("lifetimes/datasets/CDNOW_sample.txt")
    names = ["master_id", "customer_id", "date", "cds", "amount"]
    frame = pd.read_csv(BytesIO(raw), sep=r"\s+", header=None, names=names)
    return _dated(frame[["customer_id", "date", "cds", "amount"]])


@lru_cache(maxsize=1)
def _customers() -> pd.DataFrame:
    raw = _read("lifetimes/datasets/cdnow_customers_summary_with_transactions.csv")
    return pd.read_csv(BytesIO(raw)).rename(
        columns={"ID": "customer_id", "x": "frequency", "t_x": "recency", "T": "age", "zbar": "mean_amount"}
    )


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    date = pd.to_datetime(frame["date"].astype("str"), format="%Y%m%d").astype("datetime64[us]")
    return frame.assign(date=date)


def _read(name: str) -> bytes:
    """Return the bytes of one file of the package, after checking them."""
    install = f"`pip install {PACKAGE}=={VERSION}`"
    try:
        files = metadata.distribution(PACKAGE).files or []
    except metadata.PackageNotFoundError as error:
        raise CourseError(
            t(
                f"The CDNOW data come with the package {PACKAGE}, which is not installed; run {install}.",
                f"CDNOW 数据随 {PACKAGE} 包提供，但它没有安装；请运行 {install}。",
            )
        ) from error
    path = next((f.locate() for f in files if f.as_posix() == name), None)
    try:
        content = None if path is None else Path(str(path)).read_bytes()
    except OSError:
        content = None
    if content is None or hashlib.sha256(content).hexdigest() != _FILES[name]:
        again = f"`pip install --force-reinstall {PACKAGE}=={VERSION}`"
        raise CourseError(
            t(
                f"The file {name} of {PACKAGE} is missing or not the one of version {VERSION}; run {again}.",
                f"{PACKAGE} 的文件 {name} 缺失，或不是 {VERSION} 版的；请运行 {again}。",
            )
        )
    return content
