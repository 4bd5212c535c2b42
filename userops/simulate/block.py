"""One block of users from the first visit to the last interview, and its tables.

A company is a row of blocks that share the shelf and the adverts but nothing else, so memory does not
grow with the number of users. Identifiers of a block start where the block's number says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from userops.schema.tables import (
    CHANNELS,
    DEVICES,
    EVENTS,
    PAGES,
    PERSONAS,
    PROVINCES,
    TABLES,
    TICKET_CATEGORIES,
)
from userops.simulate import crm, growth, parameters, shopping, support
from userops.simulate import orders as ordering
from userops.simulate import visits as visiting
from userops.simulate._random import Ints
from userops.simulate.catalogue import Catalogue
from userops.simulate.interviews import interviews
from userops.simulate.media import stamps
from userops.simulate.people import Adverts, People, people

BLOCK_USERS = 20_000
STRIDE = 10_000_000  # identifiers reserved for a block
FIRST_USER = 10_001
VISITORS_A_USER = 1.3  # visitors who never register, for each user who does


@dataclass
class Block:
    """A block's tables, its truth, and the touches counted for the adverts' bill."""

    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    tracked: Ints


def labels(names: Iterable[str], codes: Ints) -> pd.Series:
    """Turn codes into their names; −1 means missing."""
    found = pa.array([*names], type=pa.large_string()).take(pa.array(codes, mask=codes < 0))
    return pd.Series(pd.array(found, dtype="str"))


def nullable(values: Ints, present: np.ndarray) -> pd.Series:
    """Return whole numbers as ``Int64``, missing where ``present`` is False."""
    return pd.Series(pd.arrays.IntegerArray(values.astype(np.int64), ~present))


def make_block(
    users: int,
    seed: int,
    number: int,
    shelf: Catalogue,
    ads: Adverts,
    *,
    double_11: bool = True,
    checkout_test: bool | None = None,
) -> Block:
    """Simulate one block.

    Two switches make another world with the same random numbers: ``double_11=False`` leaves the 11.11
    promotion out, ``checkout_test`` puts everyone (True) or no one (False) into experiment 1's treatment.
    """
    who = people(users, seed, number, ads)
    if checkout_test is not None:
        who.treated[:] = checkout_test
    walkers = round(users * VISITORS_A_USER)
    strangers, stranger_channel = visiting.anonymous(walkers, who, seed, number, ads)
    group_visits, groups = crm.community(who, seed, number)
    visits = visiting.join([*visiting.usual(who, seed, number), strangers, group_visits])
    visits = visits.take(visiting.tidy(visits))
    visits, recalls = crm.recall(visits, who, seed, number)

    visits, nudges, holidays = crm.holidays(visits, who, seed, number, double_11=double_11)
    nudges = [*nudges, crm.checkout_test(visits, who)]
    content = shopping.decide(visits, who, seed, number, nudges, step="content", double_11=double_11)
    returns, reminders = crm.reminders(visits, content, who, seed, number)
    more = shopping.decide(returns, who, seed, number, [], step="returns", double_11=double_11)
    visits, content = visiting.join([visits, returns]), shopping.join_content([content, more])
    keep = visiting.tidy(visits)
    visits, content = visits.take(keep), content.take(keep)

    reviews = ordering.reviews_of(visits, content, seed, number)
    rows = shopping.lay_out(visits, content, who, shelf, reviews, seed, number)
    coupons = ordering.coupons_of(visits, who, seed, number)
    orders, lines, points = ordering.orders_of(visits, content, rows, who, shelf, coupons, seed, number)
    invitations, orphans = growth.referrals(visits, content, who, seed, number)
    who.channel[orphans] = parameters.CHANNEL["organic"]
    touched = growth.touches(visits, stranger_channel, who, ads, seed, number)
    assigned = growth.experiments(visits, content, orders, who, seed, number)
    tickets, told = support.tickets(visits, content, orders, who, seed, number)
    surveys = support.surveys(orders, tickets, who, seed, number)
    messages = crm.join_messages([recalls, reminders, holidays, crm.welcomes(who, seed, number)])
    messages = messages.take(np.lexsort((messages.kind, messages.user, messages.sent)))
    opened, clicked = crm.answers(messages, visits, seed, number)

    base = number * STRIDE
    user_id = FIRST_USER + number * BLOCK_USERS + np.arange(users)
    visitor_id, session_id = _visitor_ids(visits) + base + 1, np.arange(len(visits)) + base + 1
    order_rank = np.empty(len(orders.user), dtype=np.int64)
    by_time = np.lexsort((orders.user, orders.created))
    order_rank[by_time] = np.arange(len(by_time))
    order_id = base + 1 + order_rank
    tables = {
        "users": pd.DataFrame(
            {
                "user_id": user_id,
                "registered_at": stamps(who.registered),
                "channel": labels(CHANNELS, who.channel),
                "province": labels(PROVINCES, who.province),
                "city_tier": who.tier,
                "birth_year": nullable(who.birth_year, who.birth_year > 0),
                "gender": labels(("female", "male"), np.where(who.gender == 2, -1, who.gender)),
                "device": labels(DEVICES, who.device),
                "marketing_consent": who.consent,
            }
        ),
        "events": _events(visits, content, rows, user_id, visitor_id, session_id, base, shelf),
        "touchpoints": _touchpoints(touched, visits, user_id, visitor_id, ads),
        "messages": pd.DataFrame(
            {
                "message_id": base + 1 + np.arange(len(messages.user)),
                "user_id": user_id[messages.user],
                "kind": labels(TABLES["messages"]["kind"].values, messages.kind),
                "sent_at": stamps(messages.sent),
                "holdout": messages.holdout,
                "opened_at": stamps(opened),
                "clicked_at": stamps(clicked),
            }
        ),
        "points": pd.DataFrame(
            {
                "user_id": user_id[points.user],
                "ts": stamps(points.ts),
                "delta": points.delta,
                "reason": labels(TABLES["points"]["reason"].values, points.reason),
            }
        ),
        "coupons": _coupons(coupons, user_id, base, seed, number),
        "experiments": pd.DataFrame(
            {
                "experiment_id": assigned.experiment,
                "user_id": user_id[assigned.user],
                "variant": labels(("control", "treatment"), assigned.treatment.astype(np.int64)),
                "exposed_at": stamps(assigned.exposed),
                "converted": assigned.converted,
                "revenue": assigned.revenue / 100,
                "revenue_before": assigned.before / 100,
            }
        ),
        "community": _community(groups, user_id, number),
        "referrals": _referrals(invitations, orders, who, user_id),
        "tickets": _tickets(tickets, told, user_id, order_id, base),
        "surveys": _surveys(surveys, user_id, base),
    }
    tables |= _orders(orders, lines, by_time, user_id, session_id, order_id, base)
    truth = _truth(who, groups, user_id)
    tables["interviews"] = interviews(tables["events"], truth, seed, number)
    return Block(tables, truth, growth.tracked(touched, len(ads.campaigns)))


def _visitor_ids(visits: visiting.Visits) -> Ints:
    """Number visitors in the order in which they first appear."""
    _, first, place = np.unique(visits.visitor, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[place]


def _events(
    visits: visiting.Visits,
    content: shopping.Content,
    rows: shopping.Rows,
    user_id: Ints,
    visitor_id: Ints,
    session_id: Ints,
    base: int,
    shelf: Catalogue,
) -> pd.DataFrame:
    order = np.argsort(rows.ts, kind="stable")
    visit, ts = rows.visit[order], rows.ts[order]
    user = visits.user[visit]
    named = content.logged_in[visit]
    # In the visit of registration the first event still comes from a stranger.
    fresh = (visits.kind[visit] == visiting.REGISTRATION) & (ts == visits.start[visit])
    named &= ~fresh
    _, versions = visiting.app_version(np.random.default_rng(0), visits.device[:0], visits.start[:0])
    product = rows.product[order]
    return pd.DataFrame(
        {
            "event_id": base + 1 + np.arange(len(visit)),
            "visitor_id": visitor_id[visit],
            "user_id": nullable(np.where(named, user_id[np.where(named, user, 0)], 1), named),
            "session_id": session_id[visit],
            "ts": stamps(ts),
            "event": labels(EVENTS, rows.event[order]),
            "page": labels(PAGES, rows.page[order]),
            "product_id": nullable(product + 1, product >= 0),
            "device": labels(DEVICES, visits.device[visit]),
            "app_version": labels(versions, content.version[visit]),
        }
    )


def _touchpoints(
    touched: growth.Touches, visits: visiting.Visits, user_id: Ints, visitor_id: Ints, ads: Adverts
) -> pd.DataFrame:
    user = visits.user[touched.visit]
    numbers = np.array([*(item.campaign_id for item in ads.campaigns), 1])
    return pd.DataFrame(
        {
            "visitor_id": visitor_id[touched.visit],
            "user_id": nullable(user_id[user], user >= 0),
            "ts": stamps(touched.ts),
            "channel": labels(CHANNELS, touched.channel),
            "campaign_id": nullable(numbers[touched.campaign], touched.campaign >= 0),
        }
    )


def _orders(
    orders: ordering.Orders,
    lines: ordering.Lines,
    by_time: Ints,
    user_id: Ints,
    session_id: Ints,
    order_id: Ints,
    base: int,
) -> dict[str, pd.DataFrame]:
    status = np.where(orders.paid < 0, 1, np.where(orders.refunded >= 0, 2, 0))
    frame = pd.DataFrame(
        {
            "order_id": order_id,
            "user_id": user_id[orders.user],
            "session_id": session_id[orders.visit],
            "created_at": stamps(orders.created),
            "paid_at": stamps(orders.paid),
            "status": labels(("paid", "cancelled", "refunded"), status),
            "refunded_at": stamps(orders.refunded),
            "items_total": orders.items_total / 100,
            "discount": orders.discount / 100,
            "shipping": orders.shipping / 100,
            "amount": orders.amount / 100,
            "coupon_id": nullable(base + 1 + orders.coupon, orders.coupon >= 0),
            "province": labels(PROVINCES, orders.province),
            "points_used": orders.points,
        }
    )
    items = pd.DataFrame(
        {
            "order_id": order_id[lines.order],
            "product_id": lines.product + 1,
            "quantity": lines.quantity,
            "unit_price": lines.price / 100,
        }
    )
    rank = np.lexsort((items["product_id"], items["order_id"]))
    return {
        "orders": frame.iloc[by_time].reset_index(drop=True),
        "order_items": items.iloc[rank].reset_index(drop=True),
    }


def _coupons(coupons: ordering.Coupons, user_id: Ints, base: int, seed: int, number: int) -> pd.DataFrame:
    # A multiplicative hash gives each device an odd-looking name that is the same everywhere.
    with np.errstate(over="ignore"):
        code = (coupons.device + 1 + number * 1_000_003).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        code ^= np.uint64(seed) * np.uint64(0xC2B2AE3D27D4EB4F)
    unique, place = np.unique(code, return_inverse=True)
    names = [f"{int(value) >> 16:012x}" for value in unique]
    return pd.DataFrame(
        {
            "coupon_id": base + 1 + np.arange(len(coupons.user)),
            "campaign_id": coupons.campaign,
            "user_id": user_id[coupons.user],
            "issued_at": stamps(coupons.issued),
            "redeemed_at": stamps(coupons.redeemed),
            "face_value": coupons.face / 100,
            "min_spend": coupons.least / 100,
            "device_hash": labels(names, place),
        }
    )


def _community(groups: crm.Groups, user_id: Ints, number: int) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "group_id": groups.group + number * 1_000,
            "user_id": user_id[groups.user],
            "joined_at": stamps(groups.joined),
            "messages_sent": groups.sent,
            "left_at": stamps(groups.left),
        }
    )
    return frame.iloc[np.lexsort((groups.user, groups.joined))].reset_index(drop=True)


def _referrals(
    invitations: growth.Referrals, orders: ordering.Orders, who: People, user_id: Ints
) -> pd.DataFrame:
    first = np.full(len(who), parameters.END)
    paid = orders.paid >= 0
    np.minimum.at(first, orders.user[paid], orders.paid[paid])
    accepted = invitations.invitee >= 0
    invitee = np.where(accepted, invitations.invitee, 0)
    bought = accepted & (first[invitee] < parameters.END)
    return pd.DataFrame(
        {
            "inviter_id": user_id[invitations.inviter],
            "invitee_id": nullable(user_id[invitee], accepted),
            "invited_at": stamps(invitations.invited),
            "registered_at": stamps(np.where(accepted, who.registered[invitee], -1)),
            "first_order_at": stamps(np.where(bought, first[invitee], -1)),
            "reward": np.where(bought, 20.0, 0.0),
        }
    )


def _tickets(tickets: support.Tickets, told: Ints, user_id: Ints, order_id: Ints, base: int) -> pd.DataFrame:
    english, chinese, _ = support.ticket_texts()
    about = tickets.order >= 0
    return pd.DataFrame(
        {
            "ticket_id": base + 1 + np.arange(len(tickets.user)),
            "user_id": user_id[tickets.user],
            "order_id": nullable(
                order_id[np.where(about, tickets.order, 0)] if len(order_id) else tickets.order, about
            ),
            "created_at": stamps(tickets.created),
            "channel": labels(TABLES["tickets"]["channel"].values, tickets.channel),
            "text_en": labels(english, tickets.text),
            "text_zh": labels(chinese, tickets.text),
            "category": labels(TICKET_CATEGORIES, np.where(tickets.labelled, told, -1)),
            "severity": tickets.severity,
            "first_response_at": stamps(tickets.answered),
            "resolved_at": stamps(tickets.resolved),
            "csat": nullable(tickets.csat, tickets.csat > 0),
        }
    )


def _surveys(surveys: support.Surveys, user_id: Ints, base: int) -> pd.DataFrame:
    english, chinese = support.survey_comments()
    answered = surveys.answered >= 0
    return pd.DataFrame(
        {
            "survey_id": base + 1 + np.arange(len(surveys.user)),
            "user_id": user_id[surveys.user],
            "sent_at": stamps(surveys.sent),
            "answered_at": stamps(surveys.answered),
            "nps": nullable(surveys.nps, answered),
            "comment_en": labels(english, surveys.comment),
            "comment_zh": labels(chinese, surveys.comment),
        }
    )


def _truth(who: People, groups: crm.Groups, user_id: Ints) -> pd.DataFrame:
    member = np.zeros(len(who), dtype=bool)
    member[groups.user] = True
    return pd.DataFrame(
        {
            "user_id": user_id,
            "persona": labels(PERSONAS, who.persona),
            "second_persona": labels(PERSONAS, who.second),
            "overlap": np.round(who.overlap, 4),
            "loyalty": np.round(who.loyalty, 4),
            "leaves_at": stamps(who.leaves),
            "activated": who.aha,
            "ring": who.ring,
            "community": member,
            "checkout_test_treated": who.treated,
        }
    )
