"""What happens in a visit: its events, and the orders that come of it.

Effects 3 (broken checkout), 5 (Sichuan), 6 (11.11), 7.1 (experiment) and 10 (Simpson) live here: each
multiplies the chance that a visit reaches checkout or that a checkout is paid.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from userops.schema.tables import EVENTS, PAGES
from userops.simulate import parameters
from userops.simulate._random import Bools, Floats, Ints, chance, pick, pick_own, rank_within, stream
from userops.simulate.catalogue import Catalogue
from userops.simulate.parameters import DAY
from userops.simulate.people import People
from userops.simulate.visits import (
    ANONYMOUS,
    BEFORE,
    INVITED,
    RECALLED,
    REGISTRATION,
    REMINDED,
    RING,
    Visits,
    app_version,
)

EVENT = {name: i for i, name in enumerate(EVENTS)}
PAGE = {name: i for i, name in enumerate(PAGES)}


@dataclass
class Content:
    """What each visit holds, one entry a visit."""

    version: Ints
    focus: Ints  # category
    bounce: Bools
    views: Ints
    cart: Bools
    checkout: Bools
    paid: Bools
    submitted: Bools  # an order was made (paid or not)
    logged_in: Bools
    aha: Bools  # this visit puts two categories into the cart

    def take(self, chosen: Ints) -> Content:
        """Return what the visits at ``chosen`` (indices) hold."""
        return Content(*(getattr(self, item.name)[chosen] for item in fields(self)))


def join_content(parts: list[Content]) -> Content:
    """Return the content of all parts, one part after another."""
    return Content(
        *(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Content))
    )


@dataclass(frozen=True)
class Nudges:
    """What changes a user's chance to check out between two times (seconds); one entry a user."""

    factor: Floats
    start: Ints
    end: Ints
    promoted_only: bool = False  # only in categories that promotions touch


def decide(
    visits: Visits,
    who: People,
    seed: int,
    block: int,
    nudges: list[Nudges],
    *,
    step: str,
    double_11: bool = True,
) -> Content:
    """Draw what each visit holds."""
    rng = stream(seed, block, step)
    count = len(visits)
    known = visits.user >= 0
    user = np.where(known, visits.user, 0)
    persona, kind, device = visits.persona, visits.kind, visits.device
    day = visits.start // DAY
    member = known & (kind != BEFORE)
    age = np.where(member, visits.start - who.registered[user], 0)
    young = member & (age < parameters.AHA_DAYS * DAY)

    version, _ = app_version(rng, device, visits.start)
    focus = np.where(
        known,
        pick_own(rng, who.taste, user),
        pick(rng, parameters.TASTE + 0.01, persona),
    )
    # On some visits a user shops as their second persona does.
    other = known & (persona != who.persona[user])
    focus = np.where(other, pick(rng, parameters.TASTE + 0.01, persona), focus)
    # Activation: in the first week only some put products of two categories into the cart.
    focus = np.where(young, who.first_taste[user], focus)
    aha = member & (kind == REGISTRATION) & who.aha[user]

    bounce_rate = (
        np.select([kind == ANONYMOUS, kind == BEFORE, kind == REGISTRATION], [0.60, 0.36, 0.0], 0.30)
        * np.array([0.95, 0.98, 1.0, 1.2])[device]
    )
    bounce = chance(rng, bounce_rate, count)
    bounce &= ~np.isin(kind, (REGISTRATION, RING, REMINDED))

    checkout = parameters.CHECKOUT[persona] * np.exp(0.15 * np.where(known, who.loyalty[user], 0.0))
    checkout *= np.where(known, who.readiness[user], 1.0)
    checkout *= parameters.CHANNEL_BUY[np.where(known, who.channel[user], 0)]
    checkout *= parameters.DEVICE_CHECKOUT[device]
    promoted = ~np.isin(focus, parameters.NOT_PROMOTED)
    pull = parameters.promotion(double_11)[day]
    checkout *= np.where(promoted, pull ** parameters.PROMOTION_PULL[persona], 1.0)
    april = (day >= parameters.APRIL[0]) & (day <= parameters.APRIL[1])
    checkout *= np.where(april, parameters.APRIL_CHECKOUT, 1.0)
    stopped = (day >= parameters.SICHUAN_FROM) & (day < parameters.SICHUAN_FROM + parameters.SICHUAN_DAYS)
    checkout *= np.where(
        stopped & (who.province[user] == parameters.PROVINCE["Sichuan"]), parameters.SICHUAN_CHECKOUT, 1.0
    )
    checkout *= np.where(kind == REGISTRATION, 0.9, 1.0)
    checkout *= np.where((kind == RECALLED) | ((kind == INVITED) & promoted), 1.6, 1.0)
    for nudge in nudges:
        inside = (visits.start >= nudge.start[user]) & (visits.start < nudge.end[user])
        inside &= promoted | (not nudge.promoted_only)
        checkout *= np.where(inside, nudge.factor[user], 1.0)
    # A visit that bounces never checks out: the chance below is of all visits, so lift it for the others.
    checkout = chance(rng, np.minimum(1.25 * checkout, 0.95), count) & member & ~bounce
    checkout |= np.isin(kind, (RING, REMINDED))

    more = rng.geometric(1 / (1 + parameters.VIEWS[persona]), count) - 1
    views = np.where(chance(rng, 0.80, count), 1 + np.minimum(more, 24), 0)
    views = np.where(kind == ANONYMOUS, np.minimum(views, 1 + more // 2), views)
    views = np.where(checkout | (kind == REGISTRATION), np.maximum(views, 1), views)
    views = np.where(aha, np.maximum(views, 2), np.where(bounce, 0, views))
    cart = checkout | aha | (chance(rng, np.where(known, 0.20, 0.10), count) & (views > 0) & (kind != RING))

    pay = np.full(count, parameters.PAY)
    _, names = app_version(np.random.default_rng(0), device[:0], visits.start[:0])
    pay[version == names.index(parameters.BREAK_VERSION)] *= parameters.BREAK_PAY
    pay[np.isin(kind, (RING, REMINDED))] = 1.0
    paid = checkout & chance(rng, pay, count)
    submitted = paid | (checkout & chance(rng, 0.45, count))
    # Browser visits often stay logged out until something is put into the cart.
    logged_in = member & ~((device == 3) & ~cart & (kind != REGISTRATION) & chance(rng, 0.15, count))
    return Content(version, focus, bounce, views, cart, checkout, paid, submitted, logged_in, aha)


@dataclass
class Rows:
    """The event rows of a block, sorted by visit and then by time; ``visit`` indexes the visits."""

    visit: Ints
    ts: Ints
    event: Ints
    page: Ints
    product: Ints  # −1: none
    bought: Bools  # an add_to_cart whose product is in the visit's order


def lay_out(
    visits: Visits,
    content: Content,
    who: People,
    shelf: Catalogue,
    reviews: tuple[Ints, Ints],
    seed: int,
    block: int,
) -> Rows:
    """Write each visit out as events; ``reviews`` pairs a visit with the earlier visit whose purchase it reviews."""
    rng = stream(seed, block, "events")
    count = len(visits)
    everyone = np.arange(count)
    persona, views = visits.persona, content.views
    day = visits.start // DAY
    deep = ~content.bounce
    purse = np.where(visits.user >= 0, who.purse[visits.user], 1)

    # Products viewed: one row a view.
    view = np.repeat(everyone, views)
    place = rank_within(view)
    straight = chance(rng, 0.74, len(view)) | (visits.kind[view] == RING)
    user = np.where(visits.user >= 0, visits.user, 0)[view]
    own = pick_own(rng, who.taste, user)
    loose = np.where(visits.user[view] >= 0, own, pick(rng, parameters.TASTE + 0.01, persona[view]))
    category = np.where(straight, content.focus[view], loose)
    aha = content.aha[view]
    category = np.where(aha & (place == 0), who.first_taste[user], category)
    category = np.where(aha & (place == 1), who.second_taste[user], category)
    per = shelf.per_category
    within = pick(rng, shelf.weight, shelf.taste_row(persona[view], purse[view], category))
    product = category * per + within
    # Sometimes the next thing looked at is what goes with the last one.
    follows = (place > 0) & chance(rng, 0.22, len(view)) & ~(aha & (place == 1))
    product = np.where(follows, shelf.companion[np.r_[0, product[:-1]]], product)
    product = np.where(shelf.launched[product] > day[view], shelf.stand_in[product], product)
    category = shelf.category[product]

    # Put into the cart: the last one viewed always, others by the persona's basket; no product twice.
    last = np.r_[view[1:] != view[:-1], True] if len(view) else np.zeros(0, dtype=bool)
    carted = content.cart[view] & (last | chance(rng, parameters.BASKET[persona[view]], len(view)))
    # In the first week, only activated users mix categories in the cart.
    age = visits.start[view] - who.registered[user]
    young = (visits.user[view] >= 0) & (age < parameters.AHA_DAYS * DAY) & ~who.aha[user]
    carted &= ~young | (category == who.first_taste[user])
    carted |= aha & (place < 2)
    # A visit that must have a cart but lost it to that rule looks once more at its first category.
    has = np.bincount(view[carted], minlength=count) > 0
    mend = content.cart[view] & ~has[view] & last
    fresh = who.first_taste[user] * per + pick(
        rng, shelf.weight, shelf.taste_row(persona[view], purse[view], who.first_taste[user])
    )
    fresh = np.where(shelf.launched[fresh] > day[view], shelf.stand_in[fresh], fresh)
    product = np.where(mend, fresh, product)
    carted |= mend
    code = view * len(shelf.price) + product
    rows = np.flatnonzero(carted)
    _, firsts = np.unique(code[rows], return_index=True)
    carted = np.zeros(len(view), dtype=bool)
    carted[rows[firsts]] = True
    # Most of the cart is bought; what was carted last always is.
    lastcart = np.zeros(len(view), dtype=bool)
    cart_rows = np.flatnonzero(carted)
    if len(cart_rows):
        lastcart[cart_rows[np.r_[view[cart_rows][1:] != view[cart_rows][:-1], True]]] = True
    bought = carted & content.submitted[view] & (lastcart | chance(rng, 0.85, len(view)))

    def block_of(
        visit: Ints, key: NDArray[np.floating], event: str, page: Ints | str, item: Ints | None = None
    ) -> tuple[np.ndarray, ...]:
        pages = np.full(len(visit), PAGE[page]) if isinstance(page, str) else page
        items = np.full(len(visit), -1) if item is None else item
        return visit, key, np.full(len(visit), EVENT[event]), pages, items, np.zeros(len(visit), dtype=bool)

    # The landing page; a bounce on a product page is a product_view.
    landing_pages = np.array([PAGE["home"], PAGE["campaign"], PAGE["category"], PAGE["account"]])
    landing = landing_pages[pick(rng, np.array([[0.60, 0.14, 0.18, 0.08]]), np.zeros(count, dtype=np.int64))]
    on_product = content.bounce & chance(rng, 0.30, count)
    parts = [
        block_of(everyone[~on_product], np.zeros(int((~on_product).sum())), "page_view", landing[~on_product])
    ]
    direct = everyone[on_product]
    seen = content.focus[direct] * per + pick(
        rng, shelf.weight, shelf.taste_row(persona[direct], purse[direct], content.focus[direct])
    )
    seen = np.where(shelf.launched[seen] > day[direct], shelf.stand_in[seen], seen)
    parts.append(block_of(direct, np.zeros(len(direct)), "product_view", "product", seen))
    # Further pages and searches between the views.
    pages = np.repeat(everyone, np.where(deep, rng.poisson(0.42, count), 0))
    kinds = np.array([PAGE["category"], PAGE["campaign"], PAGE["home"], PAGE["account"]])
    kind = kinds[pick(rng, np.array([[0.55, 0.15, 0.15, 0.15]]), np.zeros(len(pages), dtype=np.int64))]
    parts.append(block_of(pages, 1 + rng.random(len(pages)) * (2 * views[pages] + 1), "page_view", kind))
    searches = np.flatnonzero(deep & chance(rng, parameters.SEARCHES[persona], count))
    again = searches[chance(rng, 0.25, len(searches))]
    parts.append(block_of(searches, np.full(len(searches), 1.1), "search", "search"))
    parts.append(block_of(again, 1.2 + 2 * rng.random(len(again)) * views[again], "search", "search"))
    # A visit of several pages that has nothing else yet still turns one page.
    filled = np.bincount(np.concatenate([pages, searches, view]), minlength=count)
    idle = np.flatnonzero(deep & (filled == 0))
    parts.append(block_of(idle, np.full(len(idle), 1.5), "page_view", "category"))
    parts.append(block_of(view, 2.0 + 2 * place, "product_view", "product", product))
    shared = chance(rng, 0.25 * parameters.SHARES[persona[view]], len(view)) & content.logged_in[view]
    parts.append(block_of(view[shared], 2.4 + 2.0 * place[shared], "share", "product", product[shared]))
    cart_block = block_of(view[carted], 2.8 + 2.0 * place[carted], "add_to_cart", "product", product[carted])
    parts.append((*cart_block[:5], bought[carted]))
    to_cart = np.flatnonzero(content.checkout | (content.cart & chance(rng, 0.45, count)))
    parts.append(block_of(to_cart, np.full(len(to_cart), 1e6), "page_view", "cart"))
    checks = np.flatnonzero(content.checkout)
    parts.append(block_of(checks, np.full(len(checks), 2e6), "checkout", "checkout"))
    pays = np.flatnonzero(content.paid)
    parts.append(block_of(pays, np.full(len(pays), 3e6), "payment", "paid"))
    review_visit, source = reviews
    last_bought = np.full(count, -1)
    last_bought[view[lastcart]] = product[lastcart]
    review_product = last_bought[source]
    parts.append(block_of(review_visit, np.full(len(review_visit), 0.5), "review", "account", review_product))

    visit, key, event, page, item, flag = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((key, visit))
    visit, event, page, item, flag = visit[order], event[order], page[order], item[order], flag[order]

    gap = np.exp(rng.normal(3.1, 0.9, len(visit)))
    gap = np.clip(gap, 2, 900)
    gap += np.where(event == EVENT["payment"], 12.0, 0.0)
    start = np.r_[True, visit[1:] != visit[:-1]]
    second = np.r_[False, start[:-1]] & ~start
    # The account is made between the first and the second event of the visit of registration.
    gap += np.where(second & (visits.kind[visit] == REGISTRATION), 41.0, 0.0)
    gap[start] = 0.0
    passed = np.cumsum(gap)
    passed -= np.repeat(passed[start], np.diff(np.r_[np.flatnonzero(start), len(visit)]))
    longest = np.maximum.reduceat(passed, np.flatnonzero(start))
    squeeze = np.minimum(1.0, 3600.0 / np.maximum(longest, 1.0))
    ts = visits.start[visit] + np.ceil(passed * squeeze[visit]).astype(np.int64)
    return Rows(visit, ts, event, page, item, flag)
