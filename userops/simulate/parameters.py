"""What is planted: the calendar, the personas and the size of every effect, in one place.

Times are seconds since 2025-01-01 00:00 (Asia/Shanghai), days are 0 … 364.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from userops.schema.tables import CATEGORIES, CHANNELS, DEVICES, PERSONAS, PROVINCES
from userops.simulate._random import Floats, Ints

DAY: Final = 86_400
DAYS: Final = 365
END: Final = DAYS * DAY
# No visit starts in the last 75 minutes of the year: every visit ends within it.
LAST_START: Final = END - 75 * 60
EPOCH: Final = np.datetime64("2025-01-01T00:00:00", "s")


def day(month: int, date: int) -> int:
    """Return the number of a day of 2025, the first being 0.

    >>> day(2, 1)
    31
    """
    return int((np.datetime64(f"2025-{month:02d}-{date:02d}") - np.datetime64("2025-01-01")).astype(int))


WEEKDAY: Final[Ints] = (np.arange(DAYS) + 2) % 7  # 2025-01-01 is a Wednesday; Monday is 0

CHANNEL: Final = {name: i for i, name in enumerate(CHANNELS)}
DEVICE: Final = {name: i for i, name in enumerate(DEVICES)}
CATEGORY: Final = {name: i for i, name in enumerate(CATEGORIES)}
PERSONA: Final = {name: i for i, name in enumerate(PERSONAS)}
PROVINCE: Final = {name: i for i, name in enumerate(PROVINCES)}

# ---------------------------------------------------------------- personas (rows in the order of PERSONAS)
SHARE: Final = np.array([0.22, 0.21, 0.13, 0.12, 0.18, 0.14])
LIFE_DAYS: Final = np.array([60.0, 100.0, 140.0, 130.0, 135.0, 32.0])  # scale of the Weibull lifetime
LIFE_SHAPE: Final = 0.6
VISITS_A_DAY: Final = np.array([0.125, 0.118, 0.085, 0.073, 0.103, 0.038])
VIEWS: Final = np.array([2.2, 2.6, 1.2, 1.6, 1.7, 1.8])  # products viewed beyond the first
SEARCHES: Final = np.array([0.25, 0.50, 0.20, 0.35, 0.40, 0.60])
CHECKOUT: Final = np.array([0.095, 0.135, 0.150, 0.130, 0.145, 0.270])  # chance a visit reaches checkout
BASKET: Final = np.array(
    [0.25, 0.45, 0.35, 0.12, 0.50, 0.06]
)  # chance that a further viewed product is bought
PURSE: Final = np.array([-0.6, 0.0, 0.6])  # three purses within each persona: log price
PRICE_TILT: Final = np.array([-0.30, -0.75, 0.05, 0.85, 0.0, 0.25])  # log price against the category's middle
COUPON_USE: Final = np.array([0.50, 0.97, 0.30, 0.06, 0.45, 0.15])
COUPON_CLAIM: Final = np.array([0.40, 0.90, 0.25, 0.10, 0.40, 0.10])
POINTS_USE: Final = np.array([0.20, 0.45, 0.22, 0.06, 0.25, 0.05])  # chance that an order pays with points
PROMOTION_PULL: Final = np.array([1.1, 1.6, 0.6, 0.5, 1.0, 0.5])  # exponent on a promotion's multiplier
SHARES: Final = np.array([0.06, 0.05, 0.04, 0.01, 0.04, 0.01])
BIRTH: Final = ((2000, 2.8), (1987, 8.0), (1962, 5.0), (1986, 6.0), (1990, 4.0), (1991, 8.0))
FEMALE: Final = np.array([0.62, 0.60, 0.55, 0.45, 0.72, 0.42])
TIER: Final = np.array(
    [
        [0.28, 0.30, 0.24, 0.18],
        [0.12, 0.25, 0.33, 0.30],
        [0.20, 0.28, 0.30, 0.22],
        [0.58, 0.28, 0.10, 0.04],
        [0.25, 0.33, 0.26, 0.16],
        [0.30, 0.30, 0.24, 0.16],
    ]
)
TASTE: Final = np.array(  # beauty, fashion, digital, home, food, health, baby, gifts
    [
        [0.30, 0.34, 0.18, 0.04, 0.07, 0.01, 0.00, 0.06],
        [0.11, 0.12, 0.07, 0.28, 0.34, 0.04, 0.02, 0.02],
        [0.02, 0.05, 0.03, 0.14, 0.24, 0.48, 0.01, 0.03],
        [0.26, 0.16, 0.32, 0.16, 0.03, 0.04, 0.01, 0.02],
        [0.06, 0.06, 0.03, 0.14, 0.20, 0.03, 0.46, 0.02],
        [0.10, 0.05, 0.12, 0.05, 0.05, 0.03, 0.02, 0.58],
    ]
)
TASTE_FIRMNESS: Final = 11.0  # the Dirichlet concentration of a user's own taste around the persona's
# People overlap: on a share of visits a user behaves like a second persona (Beta distributed).
OVERLAP: Final = (0.8, 4.6)
CHANNEL_OF: Final = np.array(  # organic, search_ads, short_video, livestream, kol, referral, app_store
    [
        [0.14, 0.08, 0.34, 0.10, 0.18, 0.07, 0.09],
        [0.14, 0.14, 0.16, 0.24, 0.05, 0.17, 0.10],
        [0.20, 0.14, 0.18, 0.18, 0.03, 0.20, 0.07],
        [0.28, 0.22, 0.06, 0.04, 0.13, 0.15, 0.12],
        [0.18, 0.16, 0.13, 0.10, 0.15, 0.18, 0.10],
        [0.18, 0.36, 0.15, 0.06, 0.08, 0.05, 0.12],
    ]
)
WEEKDAY_RHYTHM: Final = np.array(
    [
        [0.85, 0.85, 0.90, 0.95, 1.15, 1.25, 1.20],
        [1.15, 1.05, 1.05, 1.05, 1.00, 0.85, 0.85],
        [1.12, 1.10, 1.10, 1.10, 1.08, 0.75, 0.75],
        [0.75, 0.80, 0.85, 0.90, 1.10, 1.35, 1.30],
        [1.05, 1.05, 1.05, 1.05, 0.95, 0.90, 0.95],
        [0.95, 0.95, 1.00, 1.00, 1.05, 1.05, 1.00],
    ]
)
# Some buy much more readily than others: that is what makes earlier revenue foretell later revenue.
READINESS: Final = 0.6  # shape of the gamma distributed factor on a user's chance to check out
# Hours of the day: (centre, width, weight) bumps; a persona's own rhythm.
_BUMPS: Final = (
    ((12.5, 1.2, 0.15), (20.5, 1.8, 0.35), (23.7, 1.5, 0.50)),
    ((10.0, 1.2, 0.35), (12.5, 0.9, 0.25), (20.0, 1.6, 0.40)),
    ((7.5, 1.2, 0.55), (10.0, 1.5, 0.20), (15.5, 1.6, 0.15), (19.5, 1.2, 0.10)),
    ((12.5, 1.0, 0.18), (20.5, 1.6, 0.50), (22.3, 1.2, 0.32)),
    ((6.5, 1.0, 0.08), (13.3, 1.0, 0.30), (21.6, 1.1, 0.62)),
    ((11.0, 2.0, 0.35), (15.5, 2.2, 0.30), (20.3, 1.8, 0.35)),
)


def hours() -> Floats:
    """Return each persona's weight of the 24 hours, a 6 × 24 array."""
    clock = np.arange(24) + 0.5
    everyone = np.where((clock > 8) & (clock < 23.9), 0.020, 0.002)
    table = np.zeros((len(_BUMPS), 24)) + everyone
    for row, bumps in enumerate(_BUMPS):
        for centre, width, weight in bumps:
            away = np.abs(clock - centre)
            away = np.minimum(away, 24 - away)
            table[row] += weight * np.exp(-0.5 * (away / width) ** 2) / width
    weights: Floats = table / table.sum(axis=1, keepdims=True)
    return weights


# ---------------------------------------------------------------- the year
GIFT_DAYS: Final = (day(2, 14), day(5, 11), day(5, 20), day(8, 29), day(10, 6), day(12, 24))
SPRING_FESTIVAL: Final = (day(1, 28), day(2, 4))
PROMOTIONS: Final = (  # name_en, name_zh, first day, last day, face value, min spend, price cut
    ("New Year Goods Fair", "年货节", day(1, 8), day(1, 20), 15, 99, 0.0),
    ("Queen's Day 3.8", "三八女王节", day(3, 5), day(3, 8), 15, 129, 0.0),
    ("May Home Week", "五月焕新周", day(5, 1), day(5, 5), 20, 199, 0.0),
    ("6.18 Mid-year Sale", "618 年中大促", day(6, 6), day(6, 18), 30, 239, 0.10),
    ("Qixi Gifts", "七夕好礼", day(8, 24), day(8, 29), 20, 199, 0.0),
    ("Mid-Autumn and National Day", "中秋国庆双节", day(9, 26), day(10, 6), 20, 199, 0.0),
    ("11.11 Global Shopping Festival", "双 11 全球购物节", day(10, 31), day(11, 11), 40, 299, 0.10),
    ("12.12 Year-end Sale", "双 12 年终盛典", day(12, 8), day(12, 12), 20, 199, 0.05),
    ("Member Week February", "二月会员周", day(2, 16), day(2, 22), 10, 69, 0.0),
    ("Member Week April", "四月会员周", day(4, 14), day(4, 20), 10, 69, 0.0),
    ("Member Week May", "五月会员周", day(5, 19), day(5, 25), 10, 69, 0.0),
    ("Member Week July", "七月会员周", day(7, 14), day(7, 20), 10, 69, 0.0),
    ("Member Week August", "八月会员周", day(8, 4), day(8, 10), 10, 69, 0.0),
    ("Member Week September", "九月会员周", day(9, 8), day(9, 14), 10, 69, 0.0),
    ("Member Week November", "十一月会员周", day(11, 24), day(11, 30), 10, 69, 0.0),
)
DOUBLE_11: Final = 6  # its place in PROMOTIONS
# By law infant formula and health foods are not discounted: two categories stay outside promotions.
NOT_PROMOTED: Final = (CATEGORY["health"], CATEGORY["baby"])


def traffic() -> Floats:
    """Return how busy each day is for each persona, a 6 × 365 array with mean about 1."""
    season = np.ones(DAYS)
    first, last = SPRING_FESTIVAL
    season[first - 5 : first] = [0.95, 0.9, 0.82, 0.75, 0.65]
    season[first : last + 1] = [0.45, 0.45, 0.48, 0.52, 0.55, 0.6, 0.66, 0.75]
    season[day(5, 1) : day(5, 6)] *= 0.88
    season[day(10, 1) : day(10, 9)] *= 0.85
    season[day(3, 5) : day(3, 9)] *= 1.2
    season[day(6, 6) : day(6, 19)] *= 1.25
    season[day(6, 16) : day(6, 19)] *= [1.25, 1.3, 1.6]
    season[day(10, 31) : day(11, 12)] *= 1.2
    season[day(10, 31)] *= 1.3
    season[day(11, 9) : day(11, 12)] *= [1.15, 1.35, 1.8]
    season[day(12, 10) : day(12, 13)] *= [1.1, 1.2, 1.5]
    table: Floats = season * WEEKDAY_RHYTHM[:, WEEKDAY]
    for gift in GIFT_DAYS:
        table[PERSONA["one_off_gifter"], gift - 6 : gift] *= 3.0
    return table


def promotion(double_11: bool = True) -> Floats:
    """Return the multiplier that promotions put on the chance to check out, by day (promoted categories).

    Around 11.11 (and 6.18, weaker) it is below 1: people wait for the sale, and have bought after it.
    """
    pull = np.ones(DAYS)
    pull[day(1, 8) : day(1, 21)] = 1.2
    pull[day(3, 5) : day(3, 9)] = 1.3
    pull[day(5, 28) : day(6, 6)] = 0.85
    pull[day(6, 6) : day(6, 19)] = 1.25
    pull[day(6, 16) : day(6, 19)] = [1.5, 1.6, 2.0]
    pull[day(6, 19) : day(7, 1)] = 0.82
    pull[day(8, 24) : day(8, 30)] = 1.15
    pull[day(12, 8) : day(12, 13)] = [1.1, 1.1, 1.2, 1.4, 1.8]
    for name, _, first, last, *_ in PROMOTIONS:
        if name.startswith("Member Week"):
            pull[first : last + 1] *= 1.06
    if double_11:
        pull[day(10, 17) : day(10, 31)] = 0.64
        pull[day(10, 31) : day(11, 12)] = 1.5
        pull[day(10, 31)] = 2.0
        pull[day(11, 9) : day(11, 12)] = [1.8, 2.5, 3.6]
        pull[day(11, 12) : day(11, 27)] = 0.62
    return pull


# ---------------------------------------------------------------- planted effects
# 2 · channel quality
CHANNEL_LIFE: Final = np.array([1.10, 0.95, 0.38, 0.90, 1.00, 1.70, 1.05])
CHANNEL_BUY: Final = np.array([1.0, 1.0, 0.45, 1.15, 1.0, 1.25, 1.0])
CHANNEL_COST: Final = {
    "search_ads": 125.0,
    "short_video": 64.0,
    "livestream": 105.0,
    "kol": 104.0,
    "app_store": 78.0,
}
AD_RESPONSE: Final = 0.6  # registrations grow with spend to this power (diminishing returns)
REFUND: Final = 0.035
REFUND_LIVESTREAM: Final = 0.11  # added for users who came through a livestream
REFUND_CATEGORY: Final = np.array([0.0, 0.06, 0.015, 0.005, 0.0, 0.0, 0.0, 0.0])
SEARCH_LAST_CLICK: Final = 0.38  # a later touch, just before registering, is a search advert this often
# 3 · the miniprogram's checkout
BREAK_FROM: Final = day(8, 11)
BREAK_FIXED: Final = day(9, 8)
BREAK_VERSION: Final = "mp-2.8.0"
PAY: Final = 0.80
BREAK_PAY: Final = 0.38  # multiplies PAY in the broken version
# 4 · the points programme
POINTS_FROM: Final = day(6, 1)
POINTS_LIFE: Final = 1.8  # lifetimes of users registered from that day on
# 5 · Sichuan's warehouse
SICHUAN_FROM: Final = day(10, 20)
SICHUAN_DAYS: Final = 21
SICHUAN_CHECKOUT: Final = 0.35
SICHUAN_TICKETS: Final = 0.45
# 6 · 11.11: see promotion(); the coupon ring
RING_SHARE: Final = 0.006
RING_DEVICES: Final = 5
HOLIDAY_MESSAGE: Final = 1.45  # chance to check out during the promotion, message against hold-out
HOLIDAY_VISIT: Final = 0.10  # chance of an extra visit in the first days of the promotion
# 7 · experiments: first day, last day of exposure
EXPERIMENT_DAYS: Final = {
    1: (day(9, 8), day(10, 5)),
    2: (day(7, 7), day(7, 20)),
    3: (day(12, 1), day(12, 14)),
}
CHECKOUT_LIFT: Final = 1.45  # experiment 1: chance to check out in the treatment, 14 days from exposure
SRM_LOSS: Final = 0.16  # experiment 2: share of treatment users, those who left at once, that is lost
EXPERIMENT_AGE: Final = {1: 30, 2: 0, 3: 0}  # days since registration that a user needs to take part
# 8 · recall messages: chance of an extra return within 14 days by days since the last visit
RECALL_BANDS: Final = np.array([14, 30, 60, 90, 120, 10_000])
RECALL_EFFECT: Final = np.array([-0.03, 0.13, 0.11, 0.04, 0.0])
RECALL_HOLDOUT: Final = 0.3
# 10 · Simpson's paradox: April against March
APP_PUSH: Final = day(4, 1)
APP_ADOPTION: Final = 0.85
APRIL: Final = (day(4, 1), day(4, 30))
APRIL_CHECKOUT: Final = 0.65
DEVICE_CHECKOUT: Final = np.array([1.55, 1.30, 0.68, 0.30])
DEVICE_BEFORE: Final = np.array([0.14, 0.12, 0.36, 0.38])
DEVICE_AFTER: Final = np.array([0.36, 0.32, 0.24, 0.08])
# 12 · community
LOYAL_LIFE: Final = 0.75  # log lifetime a standard deviation of loyalty
COMMUNITY_VISITS: Final = 0.07  # extra visits after joining, as a share of the usual rate
# activation ("aha"): products of two categories in the cart within seven days of registering
AHA_DAYS: Final = 7
AHA_LIFE: Final = 1.05  # what the act itself adds to the lifetime: little
AHA_SELECTION: Final = 1.4  # how strongly loyal users do it anyway (log odds a standard deviation)
