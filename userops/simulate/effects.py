"""What is planted, in words and numbers, for tests and instructors: ``datasets/truth/effects.json``.

Three sizes cannot be read from the plan, because they depend on who visits: what 11.11 added, what
experiment 1 adds for everyone, and what the message for 11.11 adds. They are found by simulating the same
company without the effect, with the same random numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from userops.schema.tables import CHANNELS, DEVICES, PERSONAS
from userops.simulate import parameters
from userops.simulate.block import Block, make_block
from userops.simulate.catalogue import Catalogue, promotion_id
from userops.simulate.people import Adverts


def date(day: int) -> str:
    """Return a day of the year as ``2025-MM-DD``."""
    return str(np.datetime64("2025-01-01") + np.timedelta64(day, "D"))


def counterfactuals(users: int, seed: int, shelf: Catalogue, ads: Adverts, real: Block) -> dict[str, Any]:
    """Return the effects found by comparing the first block with the same block under another plan."""
    first, last = parameters.day(10, 17), parameters.day(11, 26)
    without = make_block(users, seed, 0, shelf, ads, double_11=False)
    found: dict[str, Any] = {}
    honest = ~real.truth.set_index("user_id")["ring"]
    totals = []
    for block in (real, without):
        orders = block.tables["orders"]
        paid = orders[orders["paid_at"].between(date(first), date(last + 1)) & orders["user_id"].map(honest)]
        sale = paid["paid_at"].between(
            date(parameters.PROMOTIONS[parameters.DOUBLE_11][2]),
            date(parameters.PROMOTIONS[parameters.DOUBLE_11][3] + 1),
        )
        totals.append((int(sale.sum()), len(paid), float(paid["amount"].sum())))
    (sale_1, orders_1, revenue_1), (sale_0, orders_0, revenue_0) = totals
    found["double_11"] = {
        "from": date(first),
        "to": date(last),
        "orders_in_sale": sale_1,
        "orders_in_sale_without": sale_0,
        "orders": orders_1,
        "orders_without": orders_0,
        "net_incremental_orders": orders_1 - orders_0,
        "net_incremental_revenue": round(revenue_1 - revenue_0, 2),
        "share_of_the_sales_extra_orders_that_is_pull_forward": round(
            1 - (orders_1 - orders_0) / max(sale_1 - sale_0, 1), 3
        ),
    }
    rates = []
    for everyone in (True, False):
        tests = make_block(users, seed, 0, shelf, ads, checkout_test=everyone).tables["experiments"]
        mine = tests[tests["experiment_id"] == 1]
        rates.append((float(mine["converted"].mean()), float(mine["revenue"].mean())))
    found["experiment_1"] = {
        "conversion_if_all_treated": round(rates[0][0], 4),
        "conversion_if_none_treated": round(rates[1][0], 4),
        "effect_on_conversion": round(rates[0][0] - rates[1][0], 4),
        "effect_on_revenue_a_user": round(rates[0][1] - rates[1][1], 2),
    }
    return found


def planted(counterfactual: dict[str, Any], truth: pd.DataFrame) -> dict[str, Any]:
    """Return the content of ``effects.json``; sizes are factors or chances as named."""
    first, last = parameters.SICHUAN_FROM, parameters.SICHUAN_FROM + parameters.SICHUAN_DAYS - 1
    return {
        "1_personas": {
            "share": dict(zip(PERSONAS, parameters.SHARE.tolist(), strict=True)),
            "note": "see users.parquet; on a share `overlap` of visits a user behaves like `second_persona`",
        },
        "2_channels": {
            "lifetime_factor": dict(zip(CHANNELS, parameters.CHANNEL_LIFE.tolist(), strict=True)),
            "checkout_factor": dict(zip(CHANNELS, parameters.CHANNEL_BUY.tolist(), strict=True)),
            "cost_a_registration": parameters.CHANNEL_COST,
            "refund_rate": parameters.REFUND,
            "refund_rate_added_by_livestream": parameters.REFUND_LIVESTREAM,
            "power_of_spend": parameters.AD_RESPONSE,
            "note": "users.channel is the first touch and the true cause; a later touch is often search_ads",
        },
        "3_broken_checkout": {
            "app_version": parameters.BREAK_VERSION,
            "from": date(parameters.BREAK_FROM),
            "fixed": date(parameters.BREAK_FIXED),
            "payment_factor": parameters.BREAK_PAY,
            "usual_payment_rate": parameters.PAY,
        },
        "4_points_programme": {
            "from": date(parameters.POINTS_FROM),
            "lifetime_factor": parameters.POINTS_LIFE,
            "whom": "users registered from that day",
        },
        "4_activation": {
            "act": "products of two or more categories put into the cart within seven days of registering",
            "lifetime_factor": parameters.AHA_LIFE,
            "selection_log_odds_a_standard_deviation_of_loyalty": parameters.AHA_SELECTION,
            "share_of_users": round(float(truth["activated"].mean()), 4),
            "note": "predicts staying, but mostly because loyal users do it anyway",
        },
        "5_sichuan": {
            "from": date(first),
            "to": date(last),
            "checkout_factor": parameters.SICHUAN_CHECKOUT,
            "complaint_rate_of_orders": parameters.SICHUAN_TICKETS,
        },
        "6_double_11": {
            "campaign_id": promotion_id(parameters.DOUBLE_11),
            "not_promoted": ["health", "baby"],
            "message_checkout_factor": parameters.HOLIDAY_MESSAGE,
            "message_extra_visit": parameters.HOLIDAY_VISIT,
            "ring_accounts": int(truth["ring"].sum()),
            "ring_devices": parameters.RING_DEVICES,
            **counterfactual["double_11"],
        },
        "7_experiments": {
            "1": {
                "name": "one-page checkout",
                "checkout_factor": parameters.CHECKOUT_LIFT,
                **counterfactual["experiment_1"],
            },
            "2": {
                "name": "new home page",
                "true_effect": 0.0,
                "lost_share_of_treatment": parameters.SRM_LOSS,
                "note": "users who left at once are lost from the treatment",
            },
            "3": {
                "name": "orange button",
                "true_effect": 0.0,
                "note": "looks significant on some of the first days",
            },
        },
        "8_recall": {
            "days_since_last_visit": [
                f"{low}-{high - 1}"
                for low, high in zip(
                    parameters.RECALL_BANDS[:-2].tolist(), parameters.RECALL_BANDS[1:-1].tolist(), strict=True
                )
            ]
            + ["120-"],
            "chance_of_an_extra_return": parameters.RECALL_EFFECT.tolist(),
            "holdout": parameters.RECALL_HOLDOUT,
            "note": "works on those who would not have come back by themselves",
        },
        "9_content": {
            "best": ["xiaohongshu", "image"],
            "most_reads": ["douyin", "short_video"],
            "live_lag_minutes": 4,
        },
        "10_simpson": {
            "from": date(parameters.APRIL[0]),
            "to": date(parameters.APRIL[1]),
            "compare": "March 2025",
            "checkout_factor_on_every_device": parameters.APRIL_CHECKOUT,
            "device_factor": dict(zip(DEVICES, parameters.DEVICE_CHECKOUT.tolist(), strict=True)),
            "note": "paid sessions per session; in April free shipping was suspended while users moved to the apps",
        },
        "11_dirt": {
            "note": "see raw_lines.parquet and raw_dirt.parquet, and userops/simulate/raw_exports.py"
        },
        "12_community": {
            "extra_visits_as_a_share_of_the_usual_rate": parameters.COMMUNITY_VISITS,
            "note": "members are loyal before they join",
        },
    }
