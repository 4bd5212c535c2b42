"""Service tickets and surveys, with what people say in both languages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userops.schema.tables import TICKET_CATEGORIES
from userops.simulate import parameters
from userops.simulate._random import Bools, Floats, Ints, chance, pick, stream
from userops.simulate.orders import Orders
from userops.simulate.parameters import DAY, END
from userops.simulate.people import People
from userops.simulate.shopping import Content
from userops.simulate.visits import ANONYMOUS, BEFORE, RING, Visits

TICKET = {name: i for i, name in enumerate(TICKET_CATEGORIES)}

# What people say: (English, Chinese). A ticket is an opening, a body and sometimes a closing.
_OPEN = (
    ("", ""),
    ("Hello, ", "你好，"),
    ("Hi there, ", "在吗？"),
    ("Excuse me, ", "请问一下，"),
    ("I have asked twice already: ", "我已经问过两次了："),
    ("Please help: ", "麻烦帮忙看看："),
)
_CLOSE = (
    ("", ""),
    (" Please reply today.", "请今天回复。"),
    (" Thank you.", "谢谢。"),
    (" I am quite disappointed.", "挺失望的。"),
    (" What should I do now?", "现在该怎么办？"),
    (" If this is not solved I will complain.", "再不解决我就投诉了。"),
)
_BODY = {
    "delivery": (
        ("my parcel has not moved for {n} days.", "我的快递已经 {n} 天没有更新物流了。"),
        ("the order was paid {n} days ago and still is not shipped.", "付款 {n} 天了还没发货。"),
        ("the courier says delivered, but I have received nothing.", "显示已签收，可我根本没收到。"),
        ("where is my order? The tracking page is empty.", "我的订单到哪了？物流页面是空的。"),
        ("the box arrived crushed and wet.", "包裹送到时压坏了，还是湿的。"),
        ("the parcel was left at the wrong address.", "快递送错了地址。"),
        ("can you send it faster? It is a present for the weekend.", "能不能快点发？周末要送人的。"),
        ("I was promised delivery in two days and have waited {n}.", "说好两天到，等了 {n} 天。"),
    ),
    "quality": (
        ("the item broke after {n} days of use.", "用了 {n} 天就坏了。"),
        ("the colour is not the one in the picture.", "颜色和图片完全不一样。"),
        ("it smells strongly and I dare not use it.", "味道很重，不敢用。"),
        ("the size is wrong, far smaller than the chart says.", "尺码不对，比尺码表小很多。"),
        ("the seal was open when it arrived. Is it genuine?", "收到时封口是开的，是正品吗？"),
        ("one piece is missing from the box.", "盒子里少了一件。"),
        ("the food is close to its expiry date.", "食品快过期了。"),
        ("it does not switch on at all.", "根本开不了机。"),
    ),
    "refund": (
        ("I sent the goods back {n} days ago and have no money yet.", "退货寄回 {n} 天了，钱还没到。"),
        ("I want to return this order, how do I do it?", "我想退货，怎么操作？"),
        ("my refund request was refused without a reason.", "退款申请被拒绝了，也没说原因。"),
        ("the refund is smaller than what I paid.", "退款金额比我付的少。"),
        ("please cancel the order, I chose the wrong colour.", "请取消订单，我选错颜色了。"),
        (
            "the price fell the day after I bought, can you pay the difference?",
            "刚买第二天就降价，能退差价吗？",
        ),
        ("the host in the livestream promised free returns, who pays the postage?", "主播说包退，运费谁出？"),
    ),
    "payment": (
        ("I press pay and the page stays blank.", "点支付之后页面一片空白。"),
        ("the payment failed {n} times, but the order is gone.", "支付失败了 {n} 次，订单也没了。"),
        ("money was taken and the order still says unpaid.", "钱扣了，订单还显示未支付。"),
        ("the miniprogram closes by itself when I pay.", "小程序一付款就闪退。"),
        ("I was charged twice for one order.", "同一笔订单扣了两次款。"),
        ("my bank card cannot be added.", "银行卡绑定不了。"),
    ),
    "account": (
        ("I cannot log in, the code never arrives.", "登录不了，一直收不到验证码。"),
        ("I changed my phone number, how do I move my account?", "换手机号了，账号怎么迁移？"),
        ("please delete my account and my data.", "请帮我注销账号并删除个人信息。"),
        ("why do I get messages every day? I never agreed.", "为什么天天给我发消息？我没同意过。"),
        ("my points have disappeared after the update.", "更新之后我的积分不见了。"),
        ("the app says my account is locked.", "提示我的账号被锁定。"),
    ),
    "coupon": (
        ("the coupon cannot be used although the sum is enough.", "金额够了，优惠券却用不了。"),
        ("my coupon has expired before the sale began.", "活动还没开始，券就过期了。"),
        ("I did not get the coupon promised in the livestream.", "直播间说的券没有到账。"),
        ("after a return the coupon did not come back.", "退货之后优惠券没有退回。"),
        ("why do new users get bigger coupons than I do?", "为什么新用户的券比老用户大？"),
        ("the discount shown differs from the one at checkout.", "显示的优惠和结算时不一样。"),
    ),
}
_DAYS = tuple(range(2, 10))


@dataclass
class Tickets:
    """Service contacts, one entry a ticket; times are seconds of the year."""

    user: Ints
    order: Ints  # index of Orders, −1
    created: Ints
    channel: Ints
    text: Ints  # index into ticket_texts()
    category: Ints
    labelled: Bools
    severity: Ints
    answered: Ints  # −1
    resolved: Ints  # −1
    csat: Ints  # 0: none


def ticket_texts() -> tuple[list[str], list[str], Ints]:
    """Return every text in English and Chinese, and where each category's texts begin (one more at the end)."""
    english, chinese, begins = [], [], [0]
    for bodies in _BODY.values():
        for body_en, body_zh in bodies:
            for days in _DAYS if "{n}" in body_en else (0,) * len(_DAYS):
                for open_en, open_zh in _OPEN:
                    for close_en, close_zh in _CLOSE:
                        said = body_en.format(n=days)
                        said = said if open_en else said[0].upper() + said[1:]
                        english.append(f"{open_en}{said}{close_en}")
                        chinese.append(f"{open_zh}{body_zh.format(n=days)}{close_zh}")
        begins.append(len(english))
    return english, chinese, np.array(begins)


def tickets(
    visits: Visits, content: Content, orders: Orders, who: People, seed: int, block: int
) -> tuple[Tickets, Ints]:
    """Draw the year's service tickets, sorted by time; also return the category a hand label should have."""
    rng = stream(seed, block, "tickets")
    paid = orders.paid >= 0
    day = np.where(paid, orders.paid, orders.created) // DAY
    in_sichuan = orders.province == parameters.PROVINCE["Sichuan"]
    stopped = (
        in_sichuan
        & (day >= parameters.SICHUAN_FROM - 2)
        & (day < parameters.SICHUAN_FROM + parameters.SICHUAN_DAYS)
    )
    honest = ~who.ring[orders.user]
    delivery = paid & honest & chance(rng, np.where(stopped, parameters.SICHUAN_TICKETS, 0.032), len(paid))
    quality = paid & honest & chance(rng, 0.028, len(paid))
    returned = (orders.refunded >= 0) & honest & chance(rng, 0.45, len(paid))
    broken = ~paid & (day >= parameters.BREAK_FROM) & (day < parameters.BREAK_FIXED + 7)
    failed = ~paid & chance(rng, np.where(broken, 0.20, 0.07), len(paid))
    member = (visits.user >= 0) & ~np.isin(visits.kind, (BEFORE, ANONYMOUS, RING)) & content.logged_in
    account = np.flatnonzero(member & chance(rng, 0.0020, len(visits)))
    coupon = np.flatnonzero(member & content.cart & chance(rng, 0.0120, len(visits)))

    parts = []
    for name, mask, wait in (
        ("delivery", delivery, 4.0),
        ("quality", quality, 6.0),
        ("refund", returned, 4.0),
    ):
        index = np.flatnonzero(mask)
        after = (rng.gamma(2.0, wait / 2, len(index)) * DAY).astype(np.int64) + 3 * 3600
        parts.append(
            (orders.user[index], index, orders.paid[index] + after, np.full(len(index), TICKET[name]))
        )
    index = np.flatnonzero(failed)
    after = rng.integers(300, 20 * 3600, len(index))
    parts.append(
        (orders.user[index], index, orders.created[index] + after, np.full(len(index), TICKET["payment"]))
    )
    for name, rows in (("account", account), ("coupon", coupon)):
        none = np.full(len(rows), -1)
        when = visits.start[rows] + rng.integers(900, 4 * 3600, len(rows))
        parts.append((visits.user[rows], none, when, np.full(len(rows), TICKET[name])))
    user, order, created, category = (np.concatenate(column) for column in zip(*parts, strict=True))
    keep = created < END - 60
    user, order, created, category = user[keep], order[keep], created[keep], category[keep]
    sort = np.lexsort((user, created))
    user, order, created, category = user[sort], order[sort], created[sort], category[sort]
    count = len(user)

    # Some write about something else than what happened: labels are right, texts are sometimes of a neighbour.
    told = np.where(chance(rng, 0.06, count), rng.integers(0, len(_BODY), count), category)
    _, _, begins = ticket_texts()
    text = begins[told] + (rng.random(count) * (begins[told + 1] - begins[told])).astype(np.int64)
    channel = pick(rng, np.array([[0.52, 0.20, 0.08, 0.20]]), np.zeros(count, dtype=np.int64))
    base = np.array([2.1, 2.4, 2.3, 2.7, 1.9, 1.6])[category]
    severity = np.clip(np.round(rng.normal(base, 0.8)), 1, 4).astype(np.int64)

    # Answers take minutes in chat and hours by mail; they take longer at night and in a surge.
    middle = np.log(np.array([6.0, 3.0, 300.0, 120.0]) * 60)[channel]
    night = (created % DAY < 9 * 3600) | (created % DAY > 22 * 3600)
    per_day = np.bincount(created // DAY, minlength=parameters.DAYS)
    usual = max(float(np.median(per_day)), 1.0)
    surge = np.clip(per_day[created // DAY] / usual, 0.5, 4.0)
    first = np.exp(rng.normal(middle + 1.3 * night + 0.7 * np.log(surge), 0.9)).astype(np.int64) + 20
    answered = np.where(created + first < END, created + first, -1)
    work = np.exp(
        rng.normal(np.log(np.array([30.0, 26.0, 40.0, 9.0, 6.0, 4.0]) * 3600)[category], 1.1)
    ).astype(np.int64)
    never = chance(rng, 0.05, count)
    resolved = np.where((answered >= 0) & ~never & (answered + work + 60 < END), answered + work + 60, -1)
    happy = 4.6 - 0.35 * np.log1p(first / 3600) - 0.40 * np.log1p(work / 86400) - 0.15 * severity
    score = np.clip(np.round(rng.normal(happy, 0.9)), 1, 5).astype(np.int64)
    # The very unhappy and the very happy answer more often.
    replies = chance(rng, 0.25 + 0.13 * np.abs(score - 3), count) & (resolved >= 0)
    labelled = chance(rng, 0.6, count)
    found = Tickets(
        user,
        order,
        created,
        channel,
        text,
        category,
        labelled,
        severity,
        answered,
        resolved,
        np.where(replies, score, 0),
    )
    return found, told


_PRAISE = (
    ("Fast delivery, will come again.", "发货快，会再来。"),
    ("Good quality for the price.", "性价比高。"),
    ("The app is easy to use.", "App 很好用。"),
    ("My family likes it.", "家里人都喜欢。"),
    ("Good taste in what you pick.", "选品有品位。"),
    ("The points are a nice touch.", "积分很贴心。"),
)
_LUKEWARM = (
    ("It is all right.", "还行吧。"),
    ("Prices change too often.", "价格变得太频繁。"),
    ("Hope for more brands.", "希望品牌再多一些。"),
    ("Too many messages.", "消息太多了。"),
    ("Same as elsewhere.", "和别家差不多。"),
)
_CRITIC = (
    ("Delivery is far too slow.", "物流太慢了。"),
    ("Customer service never answers.", "客服一直不回。"),
    ("The coupon rules are a maze.", "优惠规则太复杂。"),
    ("What I got was not what I saw.", "货不对板。"),
    ("Paying failed again and again.", "支付老是失败。"),
    ("I will not buy here again.", "不会再买了。"),
)


@dataclass
class Surveys:
    """Surveys sent, one entry a survey; times are seconds of the year."""

    user: Ints
    sent: Ints
    answered: Ints  # −1
    nps: Ints
    comment: Ints  # −1: none
    felt: Floats  # the score everyone would have given (truth)


def survey_comments() -> tuple[list[str], list[str]]:
    """Return every comment in English and in Chinese: praise, then lukewarm ones, then criticism."""
    said = (*_PRAISE, *_LUKEWARM, *_CRITIC)
    return [en for en, _ in said], [zh for _, zh in said]


def surveys(orders: Orders, asked: Tickets, who: People, seed: int, block: int) -> Surveys:
    """Ask buyers a week after an order, each at most once; those who feel strongly answer more."""
    rng = stream(seed, block, "surveys")
    index = np.flatnonzero((orders.paid >= 0) & chance(rng, 0.40, len(orders.paid)) & ~who.ring[orders.user])
    index = index[np.argsort(orders.paid[index], kind="stable")]
    _, first = np.unique(orders.user[index], return_index=True)
    index = np.sort(index[first])
    sent = orders.paid[index] // DAY * DAY + 7 * DAY + 10 * 3600 + rng.integers(0, 3600, len(index))
    index, sent = index[sent < END], sent[sent < END]
    user = orders.user[index]
    complained = np.bincount(asked.user, minlength=len(who)) > 0
    mood = np.array([7.9, 7.2, 8.6, 8.1, 8.2, 7.6])[who.persona[user]] + 0.5 * who.loyalty[user]
    mood -= 2.2 * complained[user] + 1.5 * (orders.refunded[index] >= 0)
    felt = np.clip(np.round(rng.normal(mood, 1.9)), 0, 10).astype(np.int64)
    replies = chance(rng, 0.16 + 0.035 * np.abs(felt - 6.5) + 0.05 * (felt >= 9), len(user))
    answered = sent + (rng.exponential(1.2, len(user)) * DAY).astype(np.int64) + 60
    answered = np.where(replies & (answered < END), answered, -1)
    sides = np.array(
        [0, len(_PRAISE), len(_PRAISE) + len(_LUKEWARM), len(_PRAISE) + len(_LUKEWARM) + len(_CRITIC)]
    )
    side = np.select([felt >= 9, felt >= 7], [0, 1], 2)
    comment = sides[side] + (rng.random(len(user)) * (sides[side + 1] - sides[side])).astype(np.int64)
    comment = np.where((answered >= 0) & chance(rng, 0.5, len(user)), comment, -1)
    order = np.lexsort((user, sent))
    return Surveys(user[order], sent[order], answered[order], felt[order], comment[order], mood[order])
