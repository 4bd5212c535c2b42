"""What does not depend on single users: content, livestreams, the market and the adverts' bill.

Effect 9: pieces with many reads sell little, a small cheap form pays best; a livestream's interactions
raise the number watching at once and orders a few minutes later.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from userops.schema.tables import CATEGORIES, CHANNELS, TABLES
from userops.simulate import parameters
from userops.simulate._random import Ints, pick, stream
from userops.simulate.parameters import DAY, DAYS, EPOCH
from userops.simulate.people import Adverts

PLATFORMS = tuple(TABLES["content"]["platform"].values)
FORMATS = tuple(TABLES["content"]["format"].values)
TOPICS = tuple(TABLES["content"]["topic"].values)

# platform, format: pieces a year at 20,000 users, median impressions, read rate, click rate, order rate, cost
_PIECES = (
    ("app", "article", 150, 9_000, 0.22, 0.050, 0.045, 260),
    ("app", "live", 60, 16_000, 0.30, 0.060, 0.040, 2_800),
    ("wechat", "article", 190, 12_000, 0.09, 0.045, 0.040, 420),
    ("wechat", "image", 90, 6_000, 0.14, 0.040, 0.035, 160),
    ("weibo", "image", 180, 22_000, 0.10, 0.006, 0.012, 150),
    ("weibo", "short_video", 90, 30_000, 0.16, 0.005, 0.010, 650),
    ("xiaohongshu", "image", 220, 7_500, 0.16, 0.055, 0.055, 120),
    ("xiaohongshu", "short_video", 110, 14_000, 0.20, 0.018, 0.022, 700),
    ("douyin", "short_video", 260, 60_000, 0.34, 0.004, 0.010, 900),
    ("douyin", "live", 70, 45_000, 0.28, 0.020, 0.022, 4_200),
)
_BEST_HOURS = {"app": 20, "wechat": 21, "weibo": 12, "xiaohongshu": 19, "douyin": 20}


def stamps(seconds: Ints) -> pd.Series:
    """Turn seconds of the year into timestamps; negative seconds mean missing."""
    seconds = np.asarray(seconds)
    values = (EPOCH + seconds.astype("timedelta64[s]")).astype("datetime64[us]")
    values[seconds < 0] = np.datetime64("NaT", "us")
    return pd.Series(values)


def content(seed: int) -> pd.DataFrame:
    """Return the year's published pieces."""
    rng = stream(seed, -1, "content")
    kind = np.repeat(np.arange(len(_PIECES)), [piece[2] for piece in _PIECES])
    count = len(kind)
    column = [np.array(values) for values in zip(*_PIECES, strict=True)]
    platform = np.array([PLATFORMS.index(name) for name in column[0]])[kind]
    form = np.array([FORMATS.index(name) for name in column[1]])[kind]
    topic = pick(rng, np.array([[0.24, 0.24, 0.22, 0.18, 0.12]]), np.zeros(count, dtype=np.int64))
    hour = pick(
        rng,
        np.array([[0.2] * 7 + [1, 2, 3, 3, 3, 4, 2, 2, 2, 2, 3, 4, 4, 4, 3, 2, 1]]),
        np.zeros(count, dtype=np.int64),
    )
    published = rng.integers(0, DAYS - 4, count) * DAY + hour * 3600 + rng.integers(0, 3600, count)
    best = np.array([_BEST_HOURS[name] for name in PLATFORMS])[platform]
    away = np.minimum(np.abs(hour - best), 24 - np.abs(hour - best))
    timing = 0.65 + 0.7 * np.exp(-0.5 * (away / 2.5) ** 2)
    # A long tail: some pieces go round, most do not.
    impressions = (column[3][kind] * np.exp(rng.normal(0, 1.0, count)) * timing).astype(np.int64) + 40
    read_rate = np.clip(column[4][kind] * np.exp(rng.normal(0, 0.25, count)), 0.01, 0.8)
    reads = rng.binomial(impressions, read_rate)
    likes = rng.binomial(
        reads, np.clip(0.035 * np.exp(rng.normal(0, 0.5, count)) * np.array([1, 1.2, 1.5, 1])[form], 0, 0.6)
    )
    comments = rng.binomial(reads, np.clip(0.006 * np.exp(rng.normal(0, 0.6, count)), 0, 0.3))
    shares = rng.binomial(reads, np.clip(0.008 * np.exp(rng.normal(0, 0.6, count)), 0, 0.3))
    # Pieces that go round reach people who do not buy: clicks rise less than reads.
    dilution = (impressions / column[3][kind]) ** -0.25
    push = np.array([1.0, 1.25, 1.5, 0.5, 1.1])[topic]
    clicks = rng.binomial(
        reads, np.clip(column[5][kind] * push * dilution * np.exp(rng.normal(0, 0.35, count)), 0, 0.6)
    )
    orders = rng.binomial(clicks, np.clip(column[6][kind] * np.exp(rng.normal(0, 0.3, count)), 0, 0.5))
    basket = np.exp(rng.normal(np.log(13_500), 0.35, count))
    revenue = np.round(orders * basket).astype(np.int64)
    cost = np.round(column[7][kind] * np.exp(rng.normal(0, 0.35, count))).astype(np.int64) * 100
    order = np.lexsort((kind, published))
    frame = pd.DataFrame(
        {
            "platform": np.array(PLATFORMS)[platform],
            "format": np.array(FORMATS)[form],
            "topic": np.array(TOPICS)[topic],
            "published_at": stamps(published),
            "impressions": impressions,
            "reads": reads,
            "likes": likes,
            "comments": comments,
            "shares": shares,
            "clicks": clicks,
            "orders": orders,
            "revenue": revenue / 100,
            "cost": cost / 100,
        }
    ).iloc[order]
    frame.insert(0, "content_id", np.arange(1, count + 1))
    return frame.reset_index(drop=True)


STREAMS, MINUTES = 36, 120
LIVE_LIFT = 0.28  # of viewers, in the three minutes from an interaction
INTERACTIONS = ("none", "lottery", "q_and_a", "coupon_drop")
_VIEW_LIFT = np.array([0.0, 1.0, 0.35, 0.8])
_ORDER_LIFT = np.array([0.0, 0.6, 0.9, 1.6])


def live_minutes(seed: int) -> pd.DataFrame:
    """Return the minutes of the year's livestreams."""
    rng = stream(seed, -1, "live")
    shape = (STREAMS, MINUTES)
    interaction = np.zeros(shape, dtype=np.int64)
    for stream_number in range(STREAMS):
        at = np.arange(8, MINUTES - 8, 9) + rng.integers(-3, 4, len(np.arange(8, MINUTES - 8, 9)))
        interaction[stream_number, at] = rng.integers(1, 4, len(at))
    size = np.exp(rng.normal(np.log(900), 0.5, (STREAMS, 1)))
    minute = np.arange(MINUTES)
    arc = 0.35 + 0.65 * (1 - np.exp(-minute / 12)) * np.exp(-np.maximum(minute - 75, 0) / 60)
    lift = _VIEW_LIFT[interaction]
    recent = sum(
        np.pad(lift, ((0, 0), (k, 0)))[:, :MINUTES] * weight for k, weight in ((0, 0.5), (1, 1.0), (2, 0.6))
    )
    drift = np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=1))
    viewers = rng.poisson(size * arc * drift * (1 + LIVE_LIFT * recent))
    comments = rng.poisson(viewers * 0.02 * (1 + 2.5 * (interaction == 2) + 1.5 * (interaction == 1)))
    likes = rng.poisson(viewers * 0.12)
    order_lift = _ORDER_LIFT[interaction]
    kernel = ((3, 0.5), (4, 1.0), (5, 0.6), (6, 0.3))
    delayed = sum(np.pad(order_lift, ((0, 0), (k, 0)))[:, :MINUTES] * weight for k, weight in kernel)
    earlier = sum(
        np.pad(order_lift, ((0, 0), (k, 0)))[:, :MINUTES] * weight
        for k, weight in ((2, 0.6), (3, 1.0), (4, 0.5))
    )
    clicks = rng.poisson(viewers * 0.025 * (1 + 0.8 * earlier))
    orders = rng.poisson(viewers * 0.0010 * (1 + 1.1 * delayed))
    revenue = np.round(orders * np.exp(rng.normal(np.log(11_500), 0.25, shape))).astype(np.int64)
    day = np.sort(rng.choice(np.arange(10, DAYS - 2), STREAMS, replace=False))
    start = day * DAY + rng.choice([14, 19, 20], STREAMS) * 3600
    clicks = np.maximum(clicks, orders)
    return pd.DataFrame(
        {
            "stream_id": np.repeat(np.arange(1, STREAMS + 1), MINUTES),
            "minute": np.tile(minute, STREAMS),
            "ts": stamps((start[:, None] + minute * 60).ravel()),
            "viewers": viewers.ravel(),
            "comments": comments.ravel(),
            "likes": likes.ravel(),
            "interaction": np.array(INTERACTIONS)[interaction].ravel(),
            "product_clicks": clicks.ravel(),
            "orders": orders.ravel(),
            "revenue": revenue.ravel() / 100,
        }
    )


def market(seed: int) -> pd.DataFrame:
    """Return the four malls' week by week figures; Juzi loses share in digital, gains in food."""
    rng = stream(seed, -1, "market")
    malls = tuple(TABLES["market"]["brand"].values)
    weeks = np.arange(5, DAYS - 6, 7)  # 2025-01-06 is the first Monday
    shape = (len(weeks), len(malls), len(CATEGORIES))
    progress = np.linspace(0, 1, len(weeks))[:, None, None]
    strength = np.log(np.array([0.9, 1.6, 1.2, 0.8]))[None, :, None] + rng.normal(0, 0.25, (1, *shape[1:]))
    strength = strength + rng.normal(0, 0.06, shape)
    strength[:, 0, parameters.CATEGORY["digital"]] -= (0.55 * progress)[:, 0, 0]
    strength[:, 0, parameters.CATEGORY["food"]] += (0.35 * progress)[:, 0, 0]
    share = np.exp(strength)
    share /= share.sum(axis=1, keepdims=True)
    price = (
        np.array([101, 104, 97, 92])[None, :, None]
        + rng.normal(0, 3, (1, *shape[1:]))
        + rng.normal(0, 1.0, shape)
    )
    price[:, 0, parameters.CATEGORY["digital"]] += (7 * progress)[:, 0, 0]
    sale = np.isin(
        weeks, [parameters.day(6, 16), parameters.day(11, 10), parameters.day(11, 3), parameters.day(6, 9)]
    )
    price[sale] -= 6
    rating = np.clip(rng.normal(np.array([4.55, 4.50, 4.35, 4.20])[None, :, None], 0.05, shape), 1, 5)
    reviews = rng.poisson(2_400 * share)
    week, mall, category = (axis.ravel() for axis in np.indices(shape))
    return pd.DataFrame(
        {
            "week": stamps(weeks[week] * DAY),
            "brand": np.array(malls)[mall],
            "category": np.array(tuple(CATEGORIES))[category],
            "price_index": np.round(price.ravel(), 1),
            "rating": np.round(rating.ravel(), 2),
            "review_count": reviews.ravel(),
            "share": np.round(share.ravel(), 4),
        }
    )


def ad_spend(ads: Adverts, tracked: Ints, seed: int) -> pd.DataFrame:
    """Return the adverts' bill; ``tracked`` holds the touches counted by campaign × day."""
    rng = stream(seed, -1, "ad_spend")
    campaign, day = np.nonzero(ads.spend > 0)
    seen = tracked[campaign, day]
    # The platform counts every click; tracking sees a visit only once the page has loaded.
    clicks = seen + rng.poisson(1.5 * seen + 0.6)
    rate = np.array([0.02, 0.018, 0.008, 0.012, 0.010, 0.02, 0.015])
    channel = np.array([item.channel for item in ads.campaigns])[campaign]
    impressions = clicks + np.round(clicks / rate[channel] * np.exp(rng.normal(0, 0.12, len(seen)))).astype(
        np.int64
    )
    impressions += rng.poisson(60, len(seen))
    order = np.lexsort((campaign, day))
    frame = pd.DataFrame(
        {
            "date": stamps(day * DAY),
            "channel": np.array(tuple(CHANNELS))[channel],
            "campaign_id": np.array([item.campaign_id for item in ads.campaigns])[campaign],
            "impressions": impressions,
            "clicks": clicks,
            "cost": ads.spend[campaign, day].astype(np.int64) / 100,
        }
    )
    return frame.iloc[order].reset_index(drop=True)
