"""Messages, chat groups and experiments: what the company does to users, with its random hold-outs.

Effects 7 (experiments), 8 (recall) and 12 (community).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from userops.simulate import parameters
from userops.simulate._random import Bools, Ints, chance, sigmoid, stream
from userops.simulate.parameters import DAY, END, LAST_START
from userops.simulate.people import People
from userops.simulate.shopping import Content, Nudges
from userops.simulate.visits import (
    BEFORE,
    GROUP,
    INVITED,
    RECALLED,
    REMINDED,
    USUAL,
    Visits,
    join,
    of_users,
    tidy,
)

WELCOME, CART, RECALL, HOLIDAY = range(4)


@dataclass
class Messages:
    """Messages sent, one entry a message; times are seconds of the year."""

    user: Ints
    kind: Ints
    sent: Ints
    holdout: Bools
    caused: Ints  # start of the visit that the message caused, else −1

    def take(self, chosen: Ints | Bools) -> Messages:
        """Return the messages at ``chosen`` (indices or a mask)."""
        return Messages(*(getattr(self, item.name)[chosen] for item in fields(self)))


def join_messages(parts: list[Messages]) -> Messages:
    """Return the messages of all parts, one part after another."""
    return Messages(
        *(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Messages))
    )


RECALL_DAYS = tuple(parameters.day(month, 15) for month in range(3, 13))


def _last_visit(visits: Visits, count: int, before: int) -> Ints:
    """Return each user's last visit before a time (−1: none since registration)."""
    last = np.full(count, -1)
    chosen = (visits.user >= 0) & (visits.start < before) & (visits.kind != BEFORE)
    np.maximum.at(last, visits.user[chosen], visits.start[chosen])
    return last


def recall(visits: Visits, who: People, seed: int, block: int) -> tuple[Visits, Messages]:
    """Send recall messages once a month; return the visits as changed by them, and the messages."""
    rng = stream(seed, block, "recall")
    count = len(who)
    parts: list[Messages] = []
    messaged = np.full(count, -END)
    for number in RECALL_DAYS:
        time = number * DAY + 10 * 3600
        last = _last_visit(visits, count, time)
        idle = (time - last) / DAY
        chosen = (
            (last >= 0) & (idle >= parameters.RECALL_BANDS[0]) & who.consent & (time - messaged > 45 * DAY)
        )
        user = np.flatnonzero(chosen & chance(rng, 0.85, count))
        if len(user) == 0:
            continue
        holdout = chance(rng, parameters.RECALL_HOLDOUT, len(user))
        band = np.searchsorted(parameters.RECALL_BANDS, idle[user], side="right") - 1
        effect = parameters.RECALL_EFFECT[band]
        sent = time + rng.integers(0, 3 * 3600, len(user))
        messaged[user] = time

        # Some who would have come back anyway are annoyed and stay away for two weeks.
        annoyed = np.zeros(count, dtype=bool)
        annoyed[user[~holdout & (rng.random(len(user)) < -effect / 0.40)]] = True
        gone = (visits.user >= 0) & annoyed[visits.user]
        gone &= (visits.start >= time) & (visits.start < time + 14 * DAY) & (visits.kind != RECALLED)
        visits = visits.take(~gone)

        returns = ~holdout & (rng.random(len(user)) < effect)
        start = sent + 600 + (np.minimum(rng.exponential(2.0, len(user)), 12) * DAY).astype(np.int64)
        returns &= start < LAST_START
        caused = np.where(returns, start, -1)
        again = np.flatnonzero(returns)
        # Most of those who return look in once more in the following days.
        more = again[chance(rng, 0.5, len(again))]
        later = start[more] + DAY + (rng.exponential(3.0, len(more)) * DAY).astype(np.int64)
        more, later = more[later < LAST_START], later[later < LAST_START]
        new = [
            of_users(rng, who, user[again], start[again], RECALLED),
            of_users(rng, who, user[more], later, USUAL),
        ]
        visits = join([visits, *new])
        visits = visits.take(tidy(visits))
        parts.append(Messages(user, np.full(len(user), RECALL), sent, holdout, caused))
    return visits, join_messages(parts)


def reminders(
    visits: Visits, content: Content, who: People, seed: int, block: int
) -> tuple[Visits, Messages]:
    """Remind of abandoned carts three hours later; return the visits they cause, and the messages."""
    rng = stream(seed, block, "reminders")
    chosen = content.cart & ~content.checkout & content.logged_in & (visits.kind == USUAL)
    index = np.flatnonzero(chosen & who.consent[visits.user])
    index = index[chance(rng, 0.7, len(index))]
    sent = visits.start[index] + 3 * 3600
    night = (sent % DAY < 8 * 3600) | (sent % DAY > 22 * 3600)
    keep = ~night & (sent < LAST_START - 30 * 3600)
    index, sent = index[keep], sent[keep]
    user = visits.user[index]
    holdout = chance(rng, 0.2, len(user))
    returns = ~holdout & chance(rng, 0.07, len(user))
    sent_day = sent // DAY - parameters.SICHUAN_FROM
    stopped = (sent_day >= -2) & (sent_day <= parameters.SICHUAN_DAYS)
    returns &= ~(stopped & (who.province[user] == parameters.PROVINCE["Sichuan"]))
    start = sent + 600 + np.minimum(rng.exponential(4 * 3600, len(user)), 24 * 3600).astype(np.int64)
    new = of_users(rng, who, user[returns], start[returns], REMINDED)
    return new, Messages(user, np.full(len(user), CART), sent, holdout, np.where(returns, start, -1))


HOLIDAY_PLACES = (0, 3, parameters.DOUBLE_11, 7)


def holidays(
    visits: Visits, who: People, seed: int, block: int, *, double_11: bool
) -> tuple[Visits, list[Nudges], Messages]:
    """Announce the big sales to users seen in the last 60 days; return the visits, nudges and messages."""
    rng = stream(seed, block, "holidays")
    nudges, parts, new = [], [], []
    for place in HOLIDAY_PLACES:
        _, _, first, last, *_ = parameters.PROMOTIONS[place]
        time = first * DAY + 9 * 3600
        seen = _last_visit(visits, len(who), time)
        user = np.flatnonzero(who.consent & (seen >= 0) & (time - seen < 60 * DAY))
        holdout = chance(rng, 0.2, len(user))
        sent = time + rng.integers(0, 2 * 3600, len(user))
        comes = ~holdout & chance(rng, parameters.HOLIDAY_VISIT, len(user))
        start = sent + 300 + np.minimum(rng.exponential(1.0 * DAY, len(user)), 5 * DAY).astype(np.int64)
        if place == parameters.DOUBLE_11 and not double_11:
            comes[:] = False
        new.append(of_users(rng, who, user[comes], start[comes], INVITED))
        factor = np.ones(len(who))
        factor[user[~holdout]] = parameters.HOLIDAY_MESSAGE
        begin = np.full(len(who), END)
        begin[user] = sent
        if double_11 or place != parameters.DOUBLE_11:
            nudges.append(Nudges(factor, begin, np.full(len(who), (last + 1) * DAY), True))
        parts.append(Messages(user, np.full(len(user), HOLIDAY), sent, holdout, np.where(comes, start, -1)))
    visits = join([visits, *new])
    return visits.take(tidy(visits)), nudges, join_messages(parts)


def welcomes(who: People, seed: int, block: int) -> Messages:
    """Greet each consenting user an hour after registration. It changes nothing: that is planted too."""
    rng = stream(seed, block, "welcomes")
    user = np.flatnonzero(who.consent)
    sent = who.registered[user] + 3600
    user, sent = user[sent < END], sent[sent < END]
    return Messages(
        user, np.full(len(user), WELCOME), sent, chance(rng, 0.1, len(user)), np.full(len(user), -1)
    )


def answers(messages: Messages, visits: Visits, seed: int, block: int) -> tuple[Ints, Ints]:
    """Return when each message was opened and clicked (−1: not); a click is always followed by a visit."""
    rng = stream(seed, block, "answers")
    count = len(messages.user)
    key = np.where(visits.user >= 0, visits.user, 0) * (2 * END) + visits.start
    key = np.sort(key[(visits.user >= 0) & (visits.kind != BEFORE)])
    place = np.searchsorted(key, messages.user * (2 * END) + messages.sent + 60)
    follow = np.r_[key, np.iinfo(np.int64).max][place] - messages.user * (2 * END)
    soon = (follow - messages.sent < 36 * 3600) & (follow < 2 * END)
    caused = messages.caused >= 0
    clicks = ~messages.holdout & (caused | (soon & chance(rng, 0.35, count)))
    visit = np.where(caused, messages.caused, follow)
    # A visit that a message caused may have been lost to a nearer one: click on what is there.
    visit = np.where(caused & (follow < visit), follow, visit)
    clicked = np.where(clicks, visit - rng.integers(3, 25, count), -1)
    clicked = np.where(clicks, np.maximum(clicked, messages.sent + 5), -1)
    rate = np.array([0.42, 0.38, 0.16, 0.24])[messages.kind]
    opens = ~messages.holdout & (clicks | chance(rng, rate, count))
    opened = messages.sent + np.minimum(rng.exponential(5 * 3600, count), 72 * 3600).astype(np.int64) + 5
    opened = np.where(clicks, np.maximum(messages.sent + 3, clicked - rng.integers(5, 60, count)), opened)
    opened = np.where(opens & (opened < END), opened, -1)
    clicked = np.where(opened >= 0, clicked, -1)
    return opened, clicked


@dataclass
class Groups:
    """Memberships of chat groups, one entry a membership; times are seconds of the year."""

    group: Ints
    user: Ints
    joined: Ints
    sent: Ints
    left: Ints  # −1: still in


def community(who: People, seed: int, block: int) -> tuple[Visits, Groups]:
    """Let mostly loyal users join chat groups; return the few visits that this adds, and the memberships."""
    rng = stream(seed, block, "community")
    last = np.minimum(who.leaves, END - 3600)
    stay = last - who.registered
    joins = chance(rng, sigmoid(-2.1 + 1.2 * who.loyalty), len(who)) & (stay > 4 * DAY) & ~who.ring
    user = np.flatnonzero(joins)
    wait = 2 * DAY + (rng.beta(1.0, 2.5, len(user)) * (stay[user] - 3 * DAY)).astype(np.int64)
    joined = who.registered[user] + wait
    group = joined // (30 * DAY) * 4 + rng.integers(0, 4, len(user)) + 1
    extra = rng.poisson(who.rate[user] * parameters.COMMUNITY_VISITS * (last[user] - joined) / DAY)
    row = np.repeat(np.arange(len(user)), extra)
    start = joined[row] + 3600 + (rng.random(len(row)) * (last[user][row] - joined[row])).astype(np.int64)
    keep = start < np.minimum(LAST_START, last[user][row])
    visits = of_users(rng, who, user[row[keep]], start[keep], GROUP)
    sent = rng.poisson(rng.gamma(0.5, 6.0, len(user)) * np.sqrt((last[user] - joined) / DAY / 30 + 0.1))
    left = joined + (rng.exponential(150.0, len(user)) * DAY).astype(np.int64)
    left = np.where(left < END, left, -1)
    return visits, Groups(group, user, joined, sent, left)


def first_visit_in(visits: Visits, first: int, last: int, who: People, age: int) -> tuple[Ints, Ints]:
    """Return users ``age`` days old or older with a logged visit in a span of days, and its index."""
    inside = (visits.user >= 0) & (visits.kind != BEFORE)
    inside &= (visits.start >= first * DAY) & (visits.start < (last + 1) * DAY)
    index = np.flatnonzero(inside)
    old = visits.start[index] >= who.registered[visits.user[index]] + age * DAY
    index = index[(old | (age == 0)) & ~who.ring[visits.user[index]]]
    user, place = np.unique(visits.user[index], return_index=True)
    return user, index[place]


def checkout_test(visits: Visits, who: People) -> Nudges:
    """Return experiment 1's nudge: its treatment checks out more often for 14 days from exposure."""
    user, index = first_visit_in(visits, *parameters.EXPERIMENT_DAYS[1], who, parameters.EXPERIMENT_AGE[1])
    begin = np.full(len(who), END)
    begin[user] = visits.start[index]
    factor = np.where(who.treated, parameters.CHECKOUT_LIFT, 1.0)
    return Nudges(factor, begin, begin + 14 * DAY)
