"""Orders from paid and abandoned checkouts: lines, coupons, points, refunds. Money is integer fen here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userops.simulate import parameters
from userops.simulate._random import Ints, chance, rank_within, stream
from userops.simulate.catalogue import WELCOME_ID, Catalogue, promotion_id
from userops.simulate.parameters import DAY, END
from userops.simulate.people import People
from userops.simulate.shopping import EVENT, Content, Rows
from userops.simulate.visits import BEFORE, RING, Visits

REMOTE = np.array(
    [parameters.PROVINCE[name] for name in ("Xinjiang", "Tibet", "Qinghai", "Gansu", "Ningxia")]
)
WELCOME_DAYS = 30
WELCOME = (1000, 5900)  # face value and min spend, fen


@dataclass
class Orders:
    """Orders, one entry an order; times are seconds of the year, money is in fen."""

    visit: Ints
    user: Ints
    created: Ints
    paid: Ints  # −1: cancelled
    refunded: Ints  # −1
    items_total: Ints
    coupon: Ints  # row of Coupons, −1
    coupon_value: Ints
    points: Ints
    shipping: Ints
    province: Ints

    @property
    def discount(self) -> Ints:
        """What coupon and points take off, in fen."""
        return self.coupon_value + self.points

    @property
    def amount(self) -> Ints:
        """What is to pay, in fen."""
        return self.items_total - self.discount + self.shipping


@dataclass
class Lines:
    """Order lines, one entry a line; ``order`` and ``product`` are indices, ``price`` is in fen."""

    order: Ints
    product: Ints
    quantity: Ints
    price: Ints


@dataclass
class Coupons:
    """Coupons issued, one entry a coupon; times are seconds of the year, money is in fen."""

    campaign: Ints
    user: Ints
    issued: Ints
    redeemed: Ints
    face: Ints
    least: Ints
    device: Ints  # index of a device


@dataclass
class Points:
    """The points ledger, one entry a booking; times are seconds of the year."""

    user: Ints
    ts: Ints
    delta: Ints
    reason: Ints  # signup, order, review, check_in, redeem, expire


def lines_of(
    visits: Visits, content: Content, rows: Rows, shelf: Catalogue, seed: int, block: int
) -> tuple[Ints, Lines]:
    """Return the visit of each order (sorted by time) and the order lines."""
    rng = stream(seed, block, "lines")
    order_visit = np.flatnonzero(content.submitted)
    number = np.full(len(visits), -1)
    number[order_visit] = np.arange(len(order_visit))
    chosen = np.flatnonzero(rows.bought)
    order = number[rows.visit[chosen]]
    product = rows.product[chosen]
    eager = np.array([0.10, 0.08, 0.01, 0.18, 0.55, 0.30, 0.45, 0.12])[shelf.category[product]]
    quantity = 1 + rng.poisson(eager)
    day = visits.start[rows.visit[chosen]] // DAY
    cut = np.zeros(parameters.DAYS)
    for _, _, first, last, _, _, reduction in parameters.PROMOTIONS:
        cut[first : last + 1] = reduction
    promoted = ~np.isin(shelf.category[product], parameters.NOT_PROMOTED)
    price = shelf.price[product]
    reduced = np.round(price * (1 - cut[day]) / 10).astype(np.int64) * 10
    price = np.where(promoted & (cut[day] > 0), reduced, price)
    # The ring buys just enough for its coupon.
    ring = visits.kind[rows.visit[chosen]] == RING
    least = int(parameters.PROMOTIONS[parameters.DOUBLE_11][5]) * 100
    quantity = np.where(ring, -(-least // price), quantity)
    sort = np.lexsort((product, order))
    return order_visit, Lines(order[sort], product[sort], quantity[sort], price[sort])


def coupons_of(visits: Visits, who: People, seed: int, block: int) -> Coupons:
    """Issue a welcome coupon to each user, and a sale's coupon to those who claim it on their first visit."""
    rng = stream(seed, block, "coupons")
    count = len(who)
    parts = [
        (
            np.full(count, WELCOME_ID),
            np.arange(count),
            who.registered.copy(),
            *(np.full(count, v) for v in WELCOME),
        )
    ]
    for place, (_, _, first, last, value, minimum, _) in enumerate(parameters.PROMOTIONS):
        inside = (visits.user >= 0) & (visits.kind != BEFORE)
        inside &= (visits.start >= first * DAY) & (visits.start < (last + 1) * DAY)
        index = np.flatnonzero(inside)
        user, at = np.unique(visits.user[index], return_index=True)
        issued = np.maximum(visits.start[index[at]], who.registered[user]) + 2
        claims = chance(rng, parameters.COUPON_CLAIM[who.persona[user]], len(user)) | (
            who.ring[user] & (place == parameters.DOUBLE_11)
        )
        user, issued = user[claims], issued[claims]
        face, least = np.full(len(user), value * 100), np.full(len(user), minimum * 100)
        parts.append((np.full(len(user), promotion_id(place)), user, issued, face, least))
    campaign, user, issued, face, least = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((user, issued))
    # One device a user, but some households share one, and the ring shares a handful.
    device = np.arange(count)
    partner = rng.integers(0, count, count)
    shared = chance(rng, 0.03, count)
    device[shared] = partner[shared]
    device[who.ring] = count + rng.integers(0, parameters.RING_DEVICES, int(who.ring.sum()))
    user = user[order]
    empty = np.full(len(user), -1)
    return Coupons(campaign[order], user, issued[order], empty, face[order], least[order], device[user])


def orders_of(
    visits: Visits,
    content: Content,
    rows: Rows,
    who: People,
    shelf: Catalogue,
    coupons: Coupons,
    seed: int,
    block: int,
) -> tuple[Orders, Lines, Points]:
    """Make the orders and their lines, redeem coupons (in place) and keep the points ledger."""
    rng = stream(seed, block, "orders")
    order_visit, lines = lines_of(visits, content, rows, shelf, seed, block)
    count = len(order_visit)
    user = visits.user[order_visit]
    created_of = np.full(len(visits), -1)
    is_checkout = rows.event == EVENT["checkout"]
    created_of[rows.visit[is_checkout]] = rows.ts[is_checkout]
    paid_of = np.full(len(visits), -1)
    is_payment = rows.event == EVENT["payment"]
    paid_of[rows.visit[is_payment]] = rows.ts[is_payment]
    created, paid = created_of[order_visit], paid_of[order_visit]
    items_total = np.bincount(lines.order, lines.quantity * lines.price, count).astype(np.int64)

    coupon = _redeem(rng, user, created, paid, items_total, who, coupons)
    used = coupon >= 0
    coupons.redeemed[coupon[used]] = paid[used]
    coupon_value = np.where(used, coupons.face[coupon], 0)

    # Refunds: more after a livestream, more for clothes, most in the ring.
    risk = parameters.REFUND + parameters.REFUND_LIVESTREAM * (
        who.channel[user] == parameters.CHANNEL["livestream"]
    )
    first_line = np.searchsorted(lines.order, np.arange(count))
    risk = risk + parameters.REFUND_CATEGORY[shelf.category[lines.product[first_line]]]
    risk = np.where(who.ring[user], 0.35, risk)
    refunded = paid + (rng.gamma(2.0, 2.5, count) * DAY).astype(np.int64) + 6 * 3600
    refunded = np.where((paid >= 0) & chance(rng, risk, count) & (refunded < END), refunded, -1)

    province = who.province[user].copy()
    away = chance(rng, np.where(who.persona[user] == parameters.PERSONA["one_off_gifter"], 0.30, 0.03), count)
    elsewhere = who.province[rng.integers(0, len(who), count)]
    # Orders sent to Sichuan by others would blur the planted fall: gifts go elsewhere in these weeks.
    province = np.where(away & (elsewhere != parameters.PROVINCE["Sichuan"]), elsewhere, province)

    points, used_points = _points(rng, visits, rows, who, user, created, paid, items_total, coupon_value)
    goods = items_total - coupon_value - used_points
    fee = np.where(np.isin(province, REMOTE), 1500, 800)
    shipping = np.where(goods >= 9900, 0, fee)
    orders = Orders(
        order_visit,
        user,
        created,
        paid,
        refunded,
        items_total,
        coupon,
        coupon_value,
        used_points,
        shipping,
        province,
    )
    return orders, lines, points


def _redeem(
    rng: np.random.Generator,
    user: Ints,
    created: Ints,
    paid: Ints,
    total: Ints,
    who: People,
    coupons: Coupons,
) -> Ints:
    """Return the coupon row each order uses (−1: none): a sale's coupon first, else the welcome coupon."""
    chosen = np.full(len(user), -1)
    eager = np.where(who.ring[user], 1.0, parameters.COUPON_USE[who.persona[user]])
    willing = (paid >= 0) & chance(rng, eager, len(user))
    ends = {promotion_id(i): (last + 1) * DAY for i, (_, _, _, last, *_) in enumerate(parameters.PROMOTIONS)}
    for campaign in (*ends, WELCOME_ID):
        mine = np.flatnonzero(coupons.campaign == campaign)
        row = np.full(len(who), -1)
        row[coupons.user[mine]] = mine
        held = row[user]
        fits = willing & (held >= 0) & (chosen < 0)
        fits &= (coupons.issued[held] <= created) & (total >= coupons.least[held])
        limit = ends.get(campaign, 0) or coupons.issued[held] + WELCOME_DAYS * DAY
        fits &= created < limit
        index = np.flatnonzero(fits)
        _, first = np.unique(user[index], return_index=True)
        chosen[index[first]] = held[index[first]]
    return chosen


SIGNUP, ORDER, REVIEW, CHECK_IN, REDEEM, EXPIRE = range(6)


def _points(
    rng: np.random.Generator,
    visits: Visits,
    rows: Rows,
    who: People,
    user: Ints,
    created: Ints,
    paid: Ints,
    total: Ints,
    coupon_value: Ints,
) -> tuple[Points, Ints]:
    """Return the ledger and the points each order uses (100 points are 1 yuan: a point is a fen)."""
    start = parameters.POINTS_FROM * DAY
    gains: list[tuple[Ints, Ints, Ints, int]] = []
    joined = np.flatnonzero((who.registered >= start) & ~who.ring)
    gains.append((joined, who.registered[joined], np.full(len(joined), 100), SIGNUP))
    bought = np.flatnonzero((paid >= start) & ~who.ring[user])
    gains.append((user[bought], paid[bought], (total - coupon_value)[bought] // 100, ORDER))
    review = np.flatnonzero((rows.event == EVENT["review"]) & (rows.ts >= start))
    gains.append((visits.user[rows.visit[review]], rows.ts[review], np.full(len(review), 20), REVIEW))
    member = (visits.user >= 0) & (visits.kind != BEFORE) & (visits.start >= start)
    checks = np.flatnonzero(member & chance(rng, 0.13, len(visits)))
    _, single = np.unique(visits.user[checks] * 400 + visits.start[checks] // DAY, return_index=True)
    checks = checks[single]
    moment = np.maximum(visits.start[checks] + 2, who.registered[visits.user[checks]] + 2)
    gains.append((visits.user[checks], moment, np.full(len(checks), 5), CHECK_IN))
    g_user = np.concatenate([gain[0] for gain in gains])
    g_ts = np.concatenate([gain[1] for gain in gains])
    g_delta = np.concatenate([gain[2] for gain in gains])
    g_reason = np.concatenate([np.full(len(gain[0]), gain[3]) for gain in gains])
    keep = g_delta > 0
    g_user, g_ts, g_delta, g_reason = g_user[keep], g_ts[keep], g_delta[keep], g_reason[keep]

    sort = np.lexsort((g_ts, g_user))
    key = g_user[sort] * (2 * END) + g_ts[sort]
    gained = np.r_[0, np.cumsum(g_delta[sort])]
    base = gained[np.searchsorted(key, np.arange(len(who)) * (2 * END))]

    def gained_before(whom: Ints, when: Ints) -> Ints:
        points: Ints = gained[np.searchsorted(key, whom * (2 * END) + when)] - base[whom]
        return points

    # An order that uses points may use what was gained since the last one that did.
    pays = np.flatnonzero(
        (paid >= start) & ~who.ring[user] & chance(rng, parameters.POINTS_USE[who.persona[user]], len(user))
    )
    pays = pays[np.lexsort((created[pays], user[pays]))]
    have = gained_before(user[pays], created[pays])
    again = rank_within(user[pays]) > 0
    fresh = have - np.where(again, np.r_[0, have[:-1]], 0)
    most = (0.3 * (total - coupon_value)[pays]).astype(np.int64)
    spent = np.minimum(fresh, most) // 100 * 100
    used = np.zeros(len(user), dtype=np.int64)
    used[pays] = spent

    spends = np.flatnonzero(used > 0)
    # At the year's end what was gained before July and not used expires.
    early = gained_before(np.arange(len(who)), np.full(len(who), parameters.day(7, 1) * DAY))
    total_used = np.bincount(user[spends], used[spends], len(who)).astype(np.int64)
    lost = np.maximum(early - total_used, 0)
    expires = np.flatnonzero(lost)
    all_user = np.concatenate([g_user, user[spends], expires])
    all_ts = np.concatenate([g_ts, paid[spends], np.full(len(expires), END - 1)])
    all_delta = np.concatenate([g_delta, -used[spends], -lost[expires]])
    all_reason = np.concatenate([g_reason, np.full(len(spends), REDEEM), np.full(len(expires), EXPIRE)])
    order = np.lexsort((all_reason, all_user, all_ts))
    return Points(all_user[order], all_ts[order], all_delta[order], all_reason[order]), used


def reviews_of(visits: Visits, content: Content, seed: int, block: int) -> tuple[Ints, Ints]:
    """Return pairs (visit, earlier paid visit it reviews): the next visit three days or more after paying."""
    rng = stream(seed, block, "reviews")
    key = np.where(visits.user >= 0, visits.user * (2 * END) + visits.start, -1)
    order = np.argsort(key, kind="stable")
    paid = np.flatnonzero(content.paid & (visits.kind != RING) & chance(rng, 0.22, len(visits)))
    place = np.searchsorted(key[order], visits.user[paid] * (2 * END) + visits.start[paid] + 3 * DAY)
    inside = place < len(order)
    paid, after = paid[inside], order[place[inside]]
    fits = (visits.user[after] == visits.user[paid]) & content.logged_in[after] & ~content.bounce[after]
    after, source = after[fits], paid[fits]
    after, first = np.unique(after, return_index=True)
    return after, source[first]
