"""Marketing touches, invitations and the three experiments' assignments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userops.simulate import parameters
from userops.simulate._random import Bools, Floats, Ints, chance, pick, stream
from userops.simulate.crm import first_visit_in
from userops.simulate.orders import Orders
from userops.simulate.parameters import DAY, DAYS, END
from userops.simulate.people import Adverts, People
from userops.simulate.shopping import Content
from userops.simulate.visits import ANONYMOUS, BEFORE, REGISTRATION, RING, USUAL, Visits


@dataclass
class Touches:
    """Marketing touches, one entry a touch; times are seconds of the year."""

    visit: Ints  # index of the visit it led to
    ts: Ints
    channel: Ints
    campaign: Ints  # index of ads.campaigns, −1: unpaid


def touches(
    visits: Visits, channel_of_anonymous: Ints, who: People, ads: Adverts, seed: int, block: int
) -> Touches:
    """Return the marketing touch that led to each visit that had one, sorted by time.

    A visitor's first visit comes of the channel that truly brought them; a later one, just before
    registering, is often a search for the mall's own name. Last click therefore flatters search_ads.
    """
    rng = stream(seed, block, "touches")
    count = len(visits)
    order = np.lexsort((visits.start, visits.visitor))
    first = np.zeros(count, dtype=bool)
    first[order[np.r_[True, visits.visitor[order][1:] != visits.visitor[order][:-1]]]] = True
    known = visits.user >= 0
    # A second device starts with a visit of its own, but nobody acquired it.
    first &= ~known | (visits.visitor < len(who))
    own = np.where(known, who.channel[np.where(known, visits.user, 0)], 0)
    anonymous = ~known
    own[anonymous] = channel_of_anonymous[visits.visitor[anonymous] - 2 * len(who)]

    later_rate = np.select(
        [visits.kind == REGISTRATION, visits.kind == BEFORE, visits.kind == ANONYMOUS, visits.kind == USUAL],
        [0.75, 0.45, 0.35, 0.09],
        0.0,
    )
    later = ~first & chance(rng, later_rate, count)
    mix = np.array([[0.14, 0.0, 0.10, 0.10, 0.10, 0.0, 0.06]])
    mix[0, parameters.CHANNEL["search_ads"]] = (
        mix.sum() * parameters.SEARCH_LAST_CLICK / (1 - parameters.SEARCH_LAST_CLICK) * 1.6
    )
    drawn = pick(rng, mix, np.zeros(count, dtype=np.int64))
    channel = np.where(first, own, drawn)
    index = np.flatnonzero((first | later) & (visits.kind != RING) | (first & known & who.ring[visits.user]))
    channel = channel[index]
    ts = np.maximum(visits.start[index] - rng.integers(1, 4, len(index)), 0)
    # Which of the channel's campaigns: by what each spends that day.
    campaign = np.full(len(index), -1)
    for number in np.unique([item.channel for item in ads.campaigns]):
        rows = np.flatnonzero(channel == number)
        mine = np.array([i for i, item in enumerate(ads.campaigns) if item.channel == number])
        campaign[rows] = mine[pick(rng, ads.spend[mine].T + 1e-9, ts[rows] // DAY)]
    sort = np.argsort(ts, kind="stable")
    return Touches(index[sort], ts[sort], channel[sort], campaign[sort])


def tracked(touched: Touches, campaigns: int) -> Ints:
    """Count the touches by campaign × day."""
    paid = touched.campaign >= 0
    code = touched.campaign[paid] * DAYS + np.minimum(touched.ts[paid] // DAY, DAYS - 1)
    return np.bincount(code, minlength=campaigns * DAYS).reshape(campaigns, DAYS)


@dataclass
class Referrals:
    """Invitations, one entry an invitation; people are indices of users, times seconds of the year."""

    inviter: Ints
    invitee: Ints  # −1
    invited: Ints


def referrals(visits: Visits, content: Content, who: People, seed: int, block: int) -> tuple[Referrals, Ints]:
    """Match users who came by invitation with inviters active at that time.

    Returns the invitations, and the users for whom nobody was there to invite them (the first days).
    """
    rng = stream(seed, block, "referrals")
    able = (visits.user >= 0) & ~np.isin(visits.kind, (BEFORE, RING)) & content.logged_in & ~content.bounce
    visit = np.flatnonzero(able)  # visits are sorted by start
    start, user = visits.start[visit], visits.user[visit]
    came = np.full(len(who), END)
    mine = visits.user >= 0
    np.minimum.at(came, visits.user[mine], visits.start[mine])
    invitee = np.flatnonzero(who.channel == parameters.CHANNEL["referral"])
    high = np.searchsorted(start, came[invitee] - 1800)
    low = np.searchsorted(start, came[invitee] - 7 * DAY)
    found = high > low
    orphan = invitee[~found]
    invitee, low, high = invitee[found], low[found], high[found]
    # Of four who could have invited, the most loyal did.
    tries = low[:, None] + (rng.random((len(invitee), 4)) * (high - low)[:, None]).astype(np.int64)
    best = np.argmax(who.loyalty[user[tries]], axis=1) if len(invitee) else np.zeros(0, dtype=np.int64)
    chosen = tries[np.arange(len(invitee)), best]
    invited = start[chosen] + 45
    inviter = user[chosen]
    fine = inviter != invitee
    orphan = np.concatenate([orphan, invitee[~fine]])
    # Three invitations in four are not taken up.
    idle = rng.integers(0, len(visit), (3 * int(fine.sum()), 4))
    picked = (
        idle[np.arange(len(idle)), np.argmax(who.loyalty[user[idle]], axis=1)] if len(idle) else idle[:, 0]
    )
    all_inviter = np.concatenate([inviter[fine], user[picked]])
    all_invitee = np.concatenate([invitee[fine], np.full(len(picked), -1)])
    all_invited = np.concatenate([invited[fine], start[picked] + 45])
    order = np.lexsort((all_inviter, all_invited))
    return Referrals(all_inviter[order], all_invitee[order], all_invited[order]), orphan


BEFORE_DAYS = 90


@dataclass
class Assignments:
    """Users in experiments, one entry a user and experiment."""

    experiment: Ints
    user: Ints
    treatment: Bools
    exposed: Ints
    converted: Bools
    revenue: Ints  # fen
    before: Ints  # fen


def experiments(
    visits: Visits, content: Content, orders: Orders, who: People, seed: int, block: int
) -> Assignments:
    """Return the assignments of the three tests with their outcomes, read from the orders."""
    rng = stream(seed, block, "experiments")
    parts = []
    for number, span in parameters.EXPERIMENT_DAYS.items():
        user, index = first_visit_in(visits, *span, who, parameters.EXPERIMENT_AGE[number])
        exposed = np.maximum(visits.start[index], who.registered[user]) + 1
        bought, revenue = outcome(orders, user, exposed, 0, 14)
        _, before = outcome(orders, user, exposed, -BEFORE_DAYS, 0)
        if number == 1:
            treatment = who.treated[user]
        elif number == 2:
            treatment = chance(rng, 0.5, len(user))
            # The new page logs a user only once it has loaded: those who left at once are lost from it.
            bounced = content.bounce[index] & ~bought
            share = max(float(bounced[treatment].mean()) if treatment.any() else 1.0, 1e-9)
            lost = treatment & bounced & chance(rng, min(1.0, parameters.SRM_LOSS / share), len(user))
            user, exposed, treatment = user[~lost], exposed[~lost], treatment[~lost]
            bought, revenue, before = bought[~lost], revenue[~lost], before[~lost]
        else:
            treatment = unlucky_coin(rng, bought, exposed)
        size = np.full(len(user), number)
        parts.append((size, user, treatment, exposed, bought, revenue, before))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    found = Assignments(*columns)
    order = np.lexsort((found.user, found.exposed, found.experiment))
    return Assignments(*(column[order] for column in columns))


def outcome(orders: Orders, user: Ints, moment: Ints, first: int, last: int) -> tuple[Bools, Ints]:
    """Return whether each user paid, and how much (fen), from ``first`` to ``last`` days from a moment."""
    paid = np.flatnonzero(orders.paid >= 0)
    paid = paid[np.lexsort((orders.paid[paid], orders.user[paid]))]
    key = orders.user[paid] * (2 * END) + orders.paid[paid]
    total = np.r_[0, np.cumsum(orders.amount[paid])]
    begin = np.maximum(moment + first * DAY, 0)
    low = np.searchsorted(key, user * (2 * END) + begin)
    high = np.searchsorted(key, user * (2 * END) + moment + last * DAY)
    return high > low, total[high] - total[low]


def peeks(treatment: Bools, converted: Bools, exposed: Ints) -> Floats:
    """Return the z statistic of the difference in conversion as seen at the end of each exposure day."""
    _, day = np.unique(exposed // DAY, return_inverse=True)
    n = np.cumsum(np.bincount(day)).astype(float)
    hits = np.cumsum(np.bincount(day, converted))
    t = np.cumsum(np.bincount(day, treatment))
    hits_t = np.cumsum(np.bincount(day, treatment & converted))
    pooled = hits / n
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = hits_t / t - (hits - hits_t) / (n - t)
        z = gap / np.sqrt(pooled * (1 - pooled) * (1 / t + 1 / (n - t)))
    seen: Floats = np.nan_to_num(z)
    return seen


def unlucky_coin(rng: np.random.Generator, converted: Bools, exposed: Ints) -> Bools:
    """Return a fair coin's assignment, of those where peeking finds an effect that the end does not.

    Many fair coins are tossed and the first taken whose z exceeds 2.1 on at least two of the days 3 to 9
    and is below 1 at the end: what happens to about one team in twenty that looks every day.
    """
    coin = chance(rng, 0.5, len(converted))
    for _ in range(4000 if len(converted) > 1000 else 100):
        z = peeks(coin, converted, exposed)
        if len(z) < 10 or ((z[2:9] > 2.1).sum() >= 2 and abs(z[-1]) < 1.0):
            return coin
        coin = chance(rng, 0.5, len(converted))
    return coin
