"""Who comes, when, through which channel, and for how long they stay.

Effects 1 (personas), 2 (channels), 4 (points programme) and the activation act live here: each changes
a user's lifetime, drawn from a Weibull distribution with many early leavers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userops.schema.tables import CHANNELS
from userops.simulate import parameters
from userops.simulate._random import Bools, Floats, Ints, chance, pick, sigmoid, stream
from userops.simulate.catalogue import AdCampaign, ad_campaigns
from userops.simulate.parameters import DAY, DAYS, END, day

_PROVINCE_WEIGHT = np.array(
    [
        11.5,
        8.2,
        7.6,
        6.4,
        5.6,
        7.4,
        4.6,
        4.5,
        4.3,
        4.2,
        5.0,
        4.8,
        3.8,
        2.8,
        2.7,
        2.5,
        2.7,
        2.5,
        2.2,
        1.8,
        1.7,
        1.6,
        1.2,
        1.3,
        1.0,
        1.0,
        0.9,
        0.6,
        0.4,
        0.3,
        0.15,
    ]
)


@dataclass(frozen=True)
class Adverts:
    """What is spent a day: ``spend`` in fen (campaign × day); ``pull`` on registrations (channel × day)."""

    campaigns: list[AdCampaign]
    spend: Floats
    pull: Floats


def adverts(users: int, seed: int) -> Adverts:
    """Plan the year's spending for a company of ``users`` registrations."""
    rng = stream(seed, -1, "adverts")
    campaigns = ad_campaigns()
    spend = np.zeros((len(campaigns), DAYS))
    pull = np.ones((len(CHANNELS), DAYS))
    share = parameters.SHARE @ parameters.CHANNEL_OF
    for channel, cost in parameters.CHANNEL_COST.items():
        number = parameters.CHANNEL[channel]
        # Budgets are set by the week and move a lot: that is what lets a learner see diminishing returns.
        weekly = np.exp(rng.normal(0.0, 0.45, DAYS // 7 + 2))
        budget = weekly[(np.arange(DAYS) + 2) // 7] * np.exp(rng.normal(0.0, 0.06, DAYS))
        rows = [i for i, campaign in enumerate(campaigns) if campaign.channel == number]
        for i in rows:
            campaign = campaigns[i]
            spend[i, campaign.first : campaign.last + 1] = campaign.strength
        spend[rows] *= budget
        total = spend[rows].sum(axis=0)
        pull[number] = (total / total.mean()) ** parameters.AD_RESPONSE
        spend[rows] *= cost * 100 * users * share[number] / spend[rows].sum()
    return Adverts(campaigns, np.floor(spend), pull)


def arrivals(pull: Floats) -> Floats:
    """Return the weight of each day for a persona × channel, a (6·7) × 365 array."""
    growth = 1.0 + 0.35 * np.arange(DAYS) / DAYS + 0.9 * np.exp(-np.arange(DAYS) / 20.0)
    busy = parameters.traffic() * growth
    return (busy[:, None, :] * pull[None, :, :]).reshape(-1, DAYS)


@dataclass
class People:
    """Registered users of one block in order of registration, as arrays of one length."""

    persona: Ints
    second: Ints  # the persona they sometimes behave like
    overlap: Floats  # how often
    loyalty: Floats  # standard normal; drives lifetime, activation, groups, invitations
    channel: Ints
    registered: Ints  # seconds
    leaves: Ints  # seconds; the last moment of interest, may lie after the year
    rate: Floats  # visits a day while interested
    taste: Floats  # cumulative over categories
    first_taste: Ints
    second_taste: Ints
    device: Ints  # of registration
    switches: Ints  # second when the second device takes over (END: never)
    second_device: Ints
    province: Ints
    tier: Ints
    birth_year: Ints  # 0: missing
    gender: Ints  # 0 female, 1 male, 2 missing
    consent: Bools
    aha: Bools
    ring: Bools
    treated: Bools  # experiment 1's coin
    purse: Ints  # 0 small, 1, 2 large
    readiness: Floats  # factor on the chance to check out

    def __len__(self) -> int:
        return len(self.persona)


def people(count: int, seed: int, block: int, ads: Adverts) -> People:
    """Draw ``count`` registered users."""
    rng = stream(seed, block, "people")
    persona = pick(rng, parameters.SHARE, np.zeros(count, dtype=np.int64))
    channel = pick(rng, parameters.CHANNEL_OF, persona)
    registered_day = pick(rng, arrivals(ads.pull), persona * len(CHANNELS) + channel)
    hour = pick(rng, parameters.hours(), persona)
    registered = registered_day * DAY + hour * 3600 + rng.integers(0, 3600, count)
    registered = np.clip(registered, 8 * 3600, parameters.LAST_START)

    ring = np.zeros(count, dtype=bool)
    ring[rng.choice(count, max(2, round(count * parameters.RING_SHARE)), replace=False)] = True
    members = int(ring.sum())
    burst = rng.choice([day(10, 29), day(11, 2), day(11, 5)], members)
    registered[ring] = burst * DAY + 2 * 3600 + rng.integers(0, 2 * 3600, members)
    persona[ring] = parameters.PERSONA["deal_hunter"]
    channel[ring] = parameters.CHANNEL["organic"]

    order = np.argsort(registered, kind="stable")
    persona, channel, registered, ring = persona[order], channel[order], registered[order], ring[order]

    second = (persona + rng.integers(1, len(parameters.SHARE), count)) % len(parameters.SHARE)
    overlap = rng.beta(*parameters.OVERLAP, count)
    loyalty = rng.normal(0.0, 1.0, count)
    # Activation is a choice that loyal users make more often; the act itself adds little (AHA_LIFE).
    aha = chance(rng, sigmoid(-1.25 + parameters.AHA_SELECTION * loyalty), count) & ~ring
    scale = (
        parameters.LIFE_DAYS[persona]
        * parameters.CHANNEL_LIFE[channel]
        * np.exp(parameters.LOYAL_LIFE * loyalty)
    )
    scale *= np.where(registered >= parameters.POINTS_FROM * DAY, parameters.POINTS_LIFE, 1.0)
    scale *= np.where(aha, parameters.AHA_LIFE, 1.0)
    life = scale * rng.exponential(1.0, count) ** (1 / parameters.LIFE_SHAPE)
    life = np.where(ring, 0.2, np.minimum(life, 2000.0))
    leaves = registered + (life * DAY).astype(np.int64)
    rate = parameters.VISITS_A_DAY[persona] * rng.gamma(2.2, 1 / 2.2, count) * np.exp(0.2 * loyalty)

    own = rng.gamma(parameters.TASTE_FIRMNESS * parameters.TASTE[persona] + 0.02)
    taste = np.cumsum(own, axis=1)
    taste /= taste[:, -1:]
    ranked = np.argsort(-own, axis=1, kind="stable")

    before = registered < parameters.APP_PUSH * DAY
    device = np.where(
        before,
        pick(rng, parameters.DEVICE_BEFORE, np.zeros(count, dtype=np.int64)),
        pick(rng, parameters.DEVICE_AFTER, np.zeros(count, dtype=np.int64)),
    )
    # Premium users hold more iPhones, seniors more Android phones.
    swap = chance(rng, 0.5, count)
    device = np.where((persona == parameters.PERSONA["premium_devotee"]) & (device == 1) & swap, 0, device)
    device = np.where((persona == parameters.PERSONA["health_senior"]) & (device == 0) & swap, 1, device)
    adopts = (device >= 2) & before & chance(rng, parameters.APP_ADOPTION, count)
    later = (device >= 2) & ~before & chance(rng, 0.10, count)
    switches = np.full(count, END)
    switches[adopts] = parameters.APP_PUSH * DAY + rng.integers(0, 3 * DAY, int(adopts.sum()))
    switches[later] = registered[later] + rng.integers(2 * DAY, 60 * DAY, int(later.sum()))
    ios = chance(rng, np.where(persona == parameters.PERSONA["premium_devotee"], 0.75, 0.5), count)

    province = pick(rng, _PROVINCE_WEIGHT, np.zeros(count, dtype=np.int64))
    province[ring] = np.where(
        chance(rng, 0.7, members), parameters.PROVINCE["Guangdong"], parameters.PROVINCE["Fujian"]
    )
    middle = np.array([birth[0] for birth in parameters.BIRTH])[persona]
    spread = np.array([birth[1] for birth in parameters.BIRTH])[persona]
    birth_year = np.clip(np.round(rng.normal(middle, spread)), 1936, 2007).astype(np.int64)
    # The old and the careful leave the field empty more often: missing, but not at random.
    silent = np.where(
        persona == parameters.PERSONA["health_senior"],
        0.24,
        np.where(persona == parameters.PERSONA["premium_devotee"], 0.20, 0.12),
    )
    birth_year[chance(rng, silent, count)] = 0
    gender = np.where(chance(rng, parameters.FEMALE[persona], count), 0, 1)
    gender[chance(rng, 0.10, count)] = 2
    return People(
        persona=persona,
        second=second,
        overlap=overlap,
        loyalty=loyalty,
        channel=channel,
        registered=registered,
        leaves=leaves,
        rate=rate,
        taste=taste,
        first_taste=ranked[:, 0],
        second_taste=ranked[:, 1],
        device=device,
        switches=switches,
        second_device=np.where(ios, 0, 1),
        province=province,
        tier=pick(rng, parameters.TIER, persona) + 1,
        birth_year=birth_year,
        gender=gender,
        consent=chance(rng, np.where(persona == parameters.PERSONA["premium_devotee"], 0.55, 0.78), count)
        & ~ring,
        aha=aha,
        ring=ring,
        treated=chance(rng, 0.5, count),
        purse=rng.integers(0, len(parameters.PURSE), count),
        readiness=rng.gamma(parameters.READINESS, 1 / parameters.READINESS, count),
    )
