"""When visits happen: before registration, at it, after it, and those of visitors who never register.

A visit here is a session. Visits of one visitor never overlap: they start at least 90 minutes apart,
so that the 30-minute rule cuts the event stream into exactly these sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from userops.schema.tables import CHANNELS
from userops.simulate import parameters
from userops.simulate._random import Bools, Floats, Ints, chance, pick, stream
from userops.simulate.parameters import DAY, DAYS
from userops.simulate.people import Adverts, People, arrivals

ANONYMOUS, BEFORE, REGISTRATION, USUAL, RECALLED, REMINDED, GROUP, RING, INVITED = range(9)
APART = 90 * 60


@dataclass
class Visits:
    """Sessions as arrays of one length, sorted by start once ``tidy`` has run."""

    user: Ints  # −1: never registers
    visitor: Ints
    start: Ints
    kind: Ints
    persona: Ints  # whom the user behaves like on this visit
    device: Ints

    def __len__(self) -> int:
        return len(self.user)

    def take(self, chosen: Ints | Bools) -> Visits:
        """Return the visits at ``chosen`` (indices or a mask)."""
        return Visits(*(getattr(self, item.name)[chosen] for item in fields(self)))


def join(parts: list[Visits]) -> Visits:
    """Return the visits of all parts, one part after another."""
    return Visits(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Visits)))


def clock(rng: np.random.Generator, days: Ints, persona: Ints) -> Ints:
    """Return a start on each day at an hour of the persona's rhythm."""
    hour = pick(rng, parameters.hours(), persona)
    return days * DAY + hour * 3600 + rng.integers(0, 3600, len(days))


def of_users(rng: np.random.Generator, who: People, user: Ints, start: Ints, kind: int) -> Visits:
    """Complete visits of registered users: on which device, behaving like whom."""
    like_second = chance(rng, who.overlap[user], len(user))
    persona = np.where(like_second, who.second[user], who.persona[user])
    second = start >= who.switches[user]
    visitor = np.where(second, len(who) + user, user)
    device = np.where(second, who.second_device[user], who.device[user])
    return Visits(user, visitor, start, np.full(len(user), kind), persona, device)


def usual(who: People, seed: int, block: int) -> list[Visits]:
    """Draw the visits that no message or group has caused."""
    rng = stream(seed, block, "visits")
    count = len(who)
    everyone = np.arange(count)

    # Registration: a visit that starts a little before the account exists.
    parts = [of_users(rng, who, everyone, who.registered - rng.integers(5, 41, count), REGISTRATION)]

    # Before it: some looked around first, within ten days.
    looks = np.minimum(rng.poisson(0.8, count), 3) * ~who.ring
    user = np.repeat(everyone, looks)
    ago = (rng.exponential(2.5, len(user)) * DAY).astype(np.int64)
    start = who.registered[user] - 2 * 3600 - np.minimum(ago, 10 * DAY)
    start = clock(rng, start // DAY, who.persona[user])
    keep = (start >= 0) & (start < who.registered[user] - APART)
    parts.append(of_users(rng, who, user[keep], start[keep], BEFORE))

    # The first days: trying things out.
    tries = rng.poisson(0.8 * np.exp(0.35 * who.loyalty)) * ~who.ring
    user = np.repeat(everyone, tries)
    after = (rng.exponential(3.5, len(user)) * DAY).astype(np.int64)
    start = clock(rng, (who.registered[user] + after) // DAY, who.persona[user])
    parts.append(_alive(rng, who, user, start))

    # The usual rhythm: a Poisson process in the persona's calendar, thinned by leaving.
    busy = np.concatenate([np.zeros((6, 1)), np.cumsum(parameters.traffic(), axis=1)], axis=1)
    first = who.registered / DAY
    last = np.minimum(who.leaves, parameters.LAST_START) / DAY
    low = _interpolate(busy, who.persona, first)
    high = _interpolate(busy, who.persona, last)
    number = rng.poisson(np.maximum(high - low, 0.0) * who.rate)
    number[who.ring] = 0
    user = np.repeat(everyone, number)
    target = low[user] + rng.random(len(user)) * (high - low)[user]
    day = np.zeros(len(user), dtype=np.int64)
    for persona in range(len(parameters.SHARE)):
        rows = who.persona[user] == persona
        day[rows] = np.searchsorted(busy[persona], target[rows], side="right") - 1
    start = clock(rng, np.clip(day, 0, DAYS - 1), who.persona[user])
    parts.append(_alive(rng, who, user, start))

    # The ring comes back once, in the sale, to spend its coupons.
    user = np.flatnonzero(who.ring)
    back = np.maximum(who.registered[user] + 6 * 3600, parameters.day(11, 1) * DAY)
    start = back + rng.integers(0, 3 * DAY, len(user))
    parts.append(of_users(rng, who, user, start, RING))
    return parts


def _alive(rng: np.random.Generator, who: People, user: Ints, start: Ints, kind: int = USUAL) -> Visits:
    keep = (
        (start > who.registered[user] + APART) & (start <= who.leaves[user]) & (start < parameters.LAST_START)
    )
    return of_users(rng, who, user[keep], start[keep], kind)


def _interpolate(table: Floats, row: Ints, x: Floats) -> Floats:
    floor = np.clip(x.astype(np.int64), 0, DAYS - 1)
    left = table[row, floor]
    return left + (x - floor) * (table[row, floor + 1] - left)


def anonymous(count: int, who: People, seed: int, block: int, ads: Adverts) -> tuple[Visits, Ints]:
    """Draw ``count`` visitors who never register; return their visits and each one's channel."""
    rng = stream(seed, block, "anonymous")
    persona = pick(rng, parameters.SHARE * [1.3, 1, 0.8, 0.8, 0.9, 1.3], np.zeros(count, dtype=np.int64))
    weights = parameters.CHANNEL_OF * [1.1, 1.2, 1.5, 1.0, 1.1, 0.25, 0.5]
    channel = pick(rng, weights, persona)
    first = pick(rng, arrivals(ads.pull), persona * len(CHANNELS) + channel)
    device = np.where(
        first < parameters.APP_PUSH,
        pick(rng, parameters.DEVICE_BEFORE, np.zeros(count, dtype=np.int64)),
        pick(rng, parameters.DEVICE_AFTER, np.zeros(count, dtype=np.int64)),
    )
    times = 1 + np.minimum(rng.poisson(0.28, count), 4)
    index = np.repeat(np.arange(count), times)
    wait = np.where(np.r_[True, index[1:] != index[:-1]], 0, 1 + rng.geometric(0.2, len(index)))
    days = first[index] + wait
    start = clock(rng, days, persona[index])
    keep = (start >= 3600) & (start < parameters.LAST_START)
    index, start = index[keep], start[keep]
    minus = np.full(len(index), -1)
    visits = Visits(
        minus, 2 * len(who) + index, start, np.full(len(index), ANONYMOUS), persona[index], device[index]
    )
    return visits, channel


def tidy(visits: Visits) -> Ints:
    """Return which visits to keep, in order of start: those 90 minutes or more after the visitor's last.

    When two collide, the visit of registration, the ring's and what a message caused are kept.
    """
    order = np.lexsort((visits.start, visits.visitor))
    fixed = np.isin(visits.kind, (REGISTRATION, RING, RECALLED, REMINDED, INVITED))
    first = True
    while True:
        visitor, start = visits.visitor[order], visits.start[order]
        near = np.r_[False, (np.diff(start) < APART) & (visitor[1:] == visitor[:-1])]
        if not near.any():
            break
        held = fixed[order]
        # Once by the rule; a second pass, rarely needed, drops whatever still stands too near.
        lost = (near & ~held) | np.r_[(near & held)[1:], False] if first else near
        order, first = order[~lost], False
    return order[np.argsort(visits.start[order], kind="stable")]


def app_version(rng: np.random.Generator, device: Ints, start: Ints) -> tuple[Ints, list[str]]:
    """Return each visit's version as an index into the returned names (−1 on the web)."""
    names: list[str] = []
    version = np.full(len(device), -1)
    for code, prefix, releases in _RELEASES:
        base = len(names)
        names += [f"{prefix}-{number}" for number, _ in releases]
        rows = np.flatnonzero(device == code)
        days = np.array([released for _, released in releases])
        # People update some days after a release: look up the version of a few days ago.
        lag = rng.exponential(4.0 if code < 2 else 0.8, len(rows))
        seen = np.searchsorted(days, start[rows] / DAY - lag, side="right") - 1
        version[rows] = base + np.clip(seen, 0, len(days) - 1)
    return version, names


_RELEASES = (
    (0, "ios", [("3.0.0", -20), ("3.1.0", parameters.day(3, 3)), ("3.2.0", parameters.day(4, 1)), ("3.3.0", parameters.day(6, 3)), ("3.4.0", parameters.day(8, 5)), ("3.5.0", parameters.day(10, 14))]),
    (1, "android", [("3.0.0", -20), ("3.1.0", parameters.day(3, 6)), ("3.2.0", parameters.day(4, 1)), ("3.3.0", parameters.day(6, 5)), ("3.4.0", parameters.day(8, 7)), ("3.5.0", parameters.day(10, 16))]),
    (2, "mp", [("2.5.0", -20), ("2.6.0", parameters.day(3, 20)), ("2.7.0", parameters.day(6, 1)), ("2.8.0", parameters.BREAK_FROM), ("2.8.1", parameters.BREAK_FIXED), ("2.9.0", parameters.day(11, 20))]),
)  # fmt: skip
