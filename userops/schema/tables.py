"""Every table of Juzi Mall, described once: names, types, units, keys, in both languages.

The generator, the validation and the data dictionary all read this module; nothing else lists columns.
Times are local (Asia/Shanghai) and naive; money is CNY with two decimals; a missing value is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Dtype = Literal["int64", "Int64", "float64", "str", "bool", "datetime64[us]"]
INT: Final = "int64"
NULL_INT: Final = "Int64"
FLOAT: Final = "float64"
TEXT: Final = "str"
BOOL: Final = "bool"
TIME: Final = "datetime64[us]"


@dataclass(frozen=True)
class Column:
    """One column. ``missing`` says in both languages what an absent value means; None: never absent.

    ``values`` maps each permitted value to its Chinese name (English reads the value itself).
    """

    name: str
    dtype: Dtype
    en: str
    zh: str
    unit: str = ""
    missing: tuple[str, str] | None = None
    ge: float | None = None
    le: float | None = None
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One table. ``key`` columns identify a row; ``links`` maps a column to the (table, column) it points to."""

    name: str
    en: str
    zh: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    links: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [column.name for column in self.columns]

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


CHANNELS: Final = {
    "organic": "自然流量",
    "search_ads": "搜索广告",
    "short_video": "短视频",
    "livestream": "直播",
    "kol": "达人种草",
    "referral": "老带新",
    "app_store": "应用商店",
}
DEVICES: Final = {"ios": "iOS", "android": "安卓", "miniprogram": "小程序", "web": "网页"}
EVENTS: Final = {
    "page_view": "浏览页面",
    "search": "搜索",
    "product_view": "浏览商品",
    "add_to_cart": "加入购物车",
    "checkout": "去结算",
    "payment": "支付",
    "share": "分享",
    "review": "评价",
}
PAGES: Final = {
    "home": "首页",
    "category": "分类页",
    "campaign": "活动页",
    "search": "搜索页",
    "product": "商品页",
    "cart": "购物车",
    "checkout": "结算页",
    "paid": "支付完成页",
    "account": "我的",
}
CATEGORIES: Final = {
    "beauty": "美妆护肤",
    "fashion": "服饰鞋包",
    "digital": "数码",
    "home": "家居",
    "food": "食品生鲜",
    "health": "健康养生",
    "baby": "母婴",
    "gifts": "礼品",
}
PROVINCES: Final = {
    "Guangdong": "广东",
    "Jiangsu": "江苏",
    "Zhejiang": "浙江",
    "Shandong": "山东",
    "Henan": "河南",
    "Sichuan": "四川",
    "Hubei": "湖北",
    "Hunan": "湖南",
    "Hebei": "河北",
    "Fujian": "福建",
    "Shanghai": "上海",
    "Beijing": "北京",
    "Anhui": "安徽",
    "Liaoning": "辽宁",
    "Shaanxi": "陕西",
    "Jiangxi": "江西",
    "Chongqing": "重庆",
    "Guangxi": "广西",
    "Yunnan": "云南",
    "Shanxi": "山西",
    "Guizhou": "贵州",
    "Heilongjiang": "黑龙江",
    "Jilin": "吉林",
    "Tianjin": "天津",
    "Xinjiang": "新疆",
    "Inner Mongolia": "内蒙古",
    "Gansu": "甘肃",
    "Hainan": "海南",
    "Ningxia": "宁夏",
    "Qinghai": "青海",
    "Tibet": "西藏",
}
ORDER_STATUS: Final = {"paid": "已支付", "cancelled": "已取消", "refunded": "已退款"}
PERSONAS: Final = {
    "trend_youth": "潮流青年",
    "deal_hunter": "精打细算",
    "health_senior": "养生长辈",
    "premium_devotee": "品质拥趸",
    "busy_parent": "忙碌家长",
    "one_off_gifter": "送礼过客",
}
TICKET_CATEGORIES: Final = {
    "delivery": "物流配送",
    "quality": "商品质量",
    "refund": "退款售后",
    "payment": "支付问题",
    "account": "账号登录",
    "coupon": "优惠券",
}
EXPERIMENTS: Final = {
    1: ("one-page checkout", "一页式结算"),
    2: ("new home page", "新首页"),
    3: ("orange button", "橙色按钮"),
}


def _id(name: str, en: str, zh: str) -> Column:
    return Column(name, INT, en, zh, ge=1)


def _yuan(name: str, en: str, zh: str, ge: float | None = 0) -> Column:
    return Column(name, FLOAT, en, zh, unit="CNY", ge=ge)


def _count(name: str, en: str, zh: str) -> Column:
    return Column(name, INT, en, zh, ge=0)


_NO_USER = ("not logged in", "未登录")
_NEVER = ("never registered", "从未注册")
_USER = _id("user_id", "the user", "用户")

_ALL: tuple[Table, ...] = (
    Table(
        "users",
        "a registered user",
        "一位注册用户",
        (
            _id("user_id", "the user", "用户编号"),
            Column("registered_at", TIME, "when the account was made", "注册时间"),
            Column("channel", TEXT, "channel of the first touch", "首次触达渠道", values=CHANNELS),
            Column("province", TEXT, "home province", "所在省份", values=PROVINCES),
            Column("city_tier", INT, "city tier, 1 the largest", "城市等级，1 为一线", ge=1, le=4),
            Column(
                "birth_year",
                NULL_INT,
                "year of birth",
                "出生年份",
                missing=("the user did not say", "用户未填写"),
                ge=1930,
                le=2010,
            ),
            Column(
                "gender",
                TEXT,
                "gender",
                "性别",
                missing=("the user did not say", "用户未填写"),
                values={"female": "女", "male": "男"},
            ),
            Column("device", TEXT, "device of registration", "注册时的设备", values=DEVICES),
            Column("marketing_consent", BOOL, "agreed to marketing messages", "是否同意接收营销消息"),
        ),
        key=("user_id",),
    ),
    Table(
        "events",
        "a tracked event, of visitors who never register too; sorted by ts",
        "一条埋点事件（含从未注册的访客）；按 ts 排序",
        (
            _id("event_id", "the event", "事件编号"),
            _id(
                "visitor_id",
                "a browser or device; a user may have two",
                "访客编号（浏览器或设备；一位用户可有两个）",
            ),
            Column("user_id", NULL_INT, "the user", "用户", missing=_NO_USER, ge=1),
            _id(
                "session_id",
                "the visit (30 minutes without an event end it)",
                "会话编号（30 分钟无事件即结束）",
            ),
            Column("ts", TIME, "when it happened", "发生时间"),
            Column("event", TEXT, "what happened", "事件类型", values=EVENTS),
            Column("page", TEXT, "on which kind of page", "所在页面", values=PAGES),
            Column(
                "product_id",
                NULL_INT,
                "the product viewed, put in the cart, shared or reviewed",
                "浏览、加购、分享或评价的商品",
                missing=("the event is not about one product", "事件不涉及单个商品"),
                ge=1,
            ),
            Column("device", TEXT, "device of the visit", "访问设备", values=DEVICES),
            Column(
                "app_version",
                TEXT,
                "version of app or miniprogram",
                "应用或小程序版本",
                missing=("web has none", "网页没有版本号"),
            ),
        ),
        key=("event_id",),
        links={"user_id": ("users", "user_id"), "product_id": ("products", "product_id")},
    ),
    Table(
        "products",
        "a product",
        "一件商品",
        (
            _id("product_id", "the product", "商品编号"),
            Column("name_en", TEXT, "name in English", "英文名"),
            Column("name_zh", TEXT, "name in Chinese", "中文名"),
            Column("category", TEXT, "category", "品类", values=CATEGORIES),
            Column("brand", TEXT, "brand", "品牌"),
            _yuan("price", "list price", "标价"),
            _yuan("cost", "what it costs Juzi Mall", "成本"),
            Column("launched_on", TIME, "day of launch", "上架日期"),
        ),
        key=("product_id",),
    ),
    Table(
        "orders",
        "an order",
        "一笔订单",
        (
            _id("order_id", "the order", "订单编号"),
            _USER,
            _id("session_id", "the visit in which it was made", "下单的会话"),
            Column("created_at", TIME, "when it was made", "下单时间"),
            Column(
                "paid_at",
                TIME,
                "when it was paid",
                "支付时间",
                missing=("not paid (cancelled)", "未支付（已取消）"),
            ),
            Column("status", TEXT, "where it ended", "订单状态", values=ORDER_STATUS),
            Column(
                "refunded_at",
                TIME,
                "when the money went back",
                "退款时间",
                missing=("not refunded", "未退款"),
            ),
            _yuan("items_total", "sum of the lines", "商品金额"),
            _yuan("discount", "coupon and points, in money", "优惠金额（券与积分抵扣）"),
            _yuan("shipping", "shipping fee", "运费"),
            _yuan("amount", "items_total − discount + shipping", "应付金额 = 商品金额 − 优惠 + 运费"),
            Column(
                "coupon_id", NULL_INT, "coupon used", "使用的优惠券", missing=("no coupon", "未用券"), ge=1
            ),
            Column("province", TEXT, "where it is sent", "收货省份", values=PROVINCES),
            Column(
                "points_used",
                INT,
                "points paid with (100 points = 1 CNY)",
                "使用积分（100 分抵 1 元）",
                unit="points",
                ge=0,
            ),
        ),
        key=("order_id",),
        links={"user_id": ("users", "user_id"), "coupon_id": ("coupons", "coupon_id")},
    ),
    Table(
        "order_items",
        "a line of an order",
        "一条订单明细",
        (
            _id("order_id", "the order", "订单"),
            _id("product_id", "the product", "商品"),
            Column("quantity", INT, "pieces", "件数", ge=1),
            _yuan("unit_price", "price of a piece that day", "当日单价"),
        ),
        key=("order_id", "product_id"),
        links={"order_id": ("orders", "order_id"), "product_id": ("products", "product_id")},
    ),
    Table(
        "ad_spend",
        "a channel × campaign × day",
        "渠道 × 广告计划 × 日",
        (
            Column("date", TIME, "the day", "日期"),
            Column("channel", TEXT, "paid channel", "付费渠道", values=CHANNELS),
            _id("campaign_id", "the campaign", "广告计划"),
            _count("impressions", "times shown", "展示次数"),
            _count("clicks", "clicks", "点击次数"),
            _yuan("cost", "spent", "消耗金额"),
        ),
        key=("date", "channel", "campaign_id"),
        links={"campaign_id": ("campaigns", "campaign_id")},
    ),
    Table(
        "touchpoints",
        "a marketing touch of a visitor, before or after registration; sorted by ts",
        "一次营销触达（注册前或注册后）；按 ts 排序",
        (
            _id("visitor_id", "the visitor", "访客"),
            Column(
                "user_id",
                NULL_INT,
                "the user the visitor is or becomes",
                "该访客对应的用户",
                missing=_NEVER,
                ge=1,
            ),
            Column("ts", TIME, "when", "时间"),
            Column("channel", TEXT, "through which channel", "渠道", values=CHANNELS),
            Column(
                "campaign_id",
                NULL_INT,
                "of which campaign",
                "广告计划",
                missing=("unpaid touch", "非付费触达"),
                ge=1,
            ),
        ),
        links={"user_id": ("users", "user_id"), "campaign_id": ("campaigns", "campaign_id")},
    ),
    Table(
        "campaigns",
        "a campaign",
        "一个活动或广告计划",
        (
            _id("campaign_id", "the campaign", "活动编号"),
            Column("name_en", TEXT, "name in English", "英文名"),
            Column("name_zh", TEXT, "name in Chinese", "中文名"),
            Column(
                "kind",
                TEXT,
                "what it is",
                "类型",
                values={"ads": "广告投放", "promotion": "促销活动", "welcome": "新人礼"},
            ),
            Column("starts_on", TIME, "first day", "开始日期"),
            Column("ends_on", TIME, "last day (inclusive)", "结束日期（含）"),
            _yuan("budget", "budget", "预算"),
            Column(
                "goal",
                TEXT,
                "what it is for",
                "目标",
                values={
                    "new_users": "拉新",
                    "first_order": "首单转化",
                    "revenue": "销售额",
                    "repeat_orders": "复购",
                },
            ),
        ),
        key=("campaign_id",),
    ),
    Table(
        "coupons",
        "a coupon issued",
        "一张发放的优惠券",
        (
            _id("coupon_id", "the coupon", "优惠券编号"),
            _id("campaign_id", "the campaign", "所属活动"),
            _USER,
            Column("issued_at", TIME, "when it was issued", "发放时间"),
            Column(
                "redeemed_at",
                TIME,
                "when it was used (the order was paid)",
                "核销时间（订单支付时）",
                missing=("not used", "未使用"),
            ),
            _yuan("face_value", "taken off", "面额"),
            _yuan("min_spend", "goods needed at least", "使用门槛"),
            Column("device_hash", TEXT, "fingerprint of the device that claimed it", "领取设备指纹"),
        ),
        key=("coupon_id",),
        links={"campaign_id": ("campaigns", "campaign_id"), "user_id": ("users", "user_id")},
    ),
    Table(
        "referrals",
        "an invitation",
        "一次邀请",
        (
            _id("inviter_id", "who invited", "邀请人"),
            Column("invitee_id", NULL_INT, "who came", "被邀请人", missing=("not accepted", "未接受"), ge=1),
            Column("invited_at", TIME, "when", "邀请时间"),
            Column(
                "registered_at",
                TIME,
                "when the invitee registered",
                "被邀请人注册时间",
                missing=("not accepted", "未接受"),
            ),
            Column(
                "first_order_at",
                TIME,
                "the invitee's first paid order",
                "被邀请人首单支付时间",
                missing=("none yet", "尚无首单"),
            ),
            _yuan("reward", "paid to the inviter", "邀请奖励"),
        ),
        links={"inviter_id": ("users", "user_id"), "invitee_id": ("users", "user_id")},
    ),
    Table(
        "points",
        "an entry of the points ledger (programme from 2025-06-01)",
        "一条积分流水（积分体系自 2025-06-01 起）",
        (
            _USER,
            Column("ts", TIME, "when", "时间"),
            Column(
                "delta", INT, "points gained (+) or used (−)", "积分变动（+ 获得，− 使用）", unit="points"
            ),
            Column(
                "reason",
                TEXT,
                "why",
                "原因",
                values={
                    "signup": "注册",
                    "order": "购物",
                    "review": "评价",
                    "check_in": "签到",
                    "redeem": "抵扣",
                    "expire": "过期",
                },
            ),
        ),
        links={"user_id": ("users", "user_id")},
    ),
    Table(
        "messages",
        "an automated message, or its random hold-out",
        "一条自动化消息（或随机留出对照）",
        (
            _id("message_id", "the message", "消息编号"),
            _USER,
            Column(
                "kind",
                TEXT,
                "what it is",
                "类型",
                values={"welcome": "欢迎", "cart": "购物车提醒", "recall": "召回", "holiday": "大促通知"},
            ),
            Column(
                "sent_at",
                TIME,
                "when it was sent (hold-out: would have been)",
                "发送时间（对照组：本应发送的时间）",
            ),
            Column("holdout", BOOL, "held out at random: nothing was sent", "是否随机留出（未发送）"),
            Column("opened_at", TIME, "when it was opened", "打开时间", missing=("not opened", "未打开")),
            Column("clicked_at", TIME, "when it was clicked", "点击时间", missing=("not clicked", "未点击")),
        ),
        key=("message_id",),
        links={"user_id": ("users", "user_id")},
    ),
    Table(
        "experiments",
        "a user's assignment in an A/B test",
        "一位用户在一个 A/B 实验中的分组",
        (
            Column(
                "experiment_id",
                INT,
                "1 one-page checkout, 2 new home page, 3 orange button",
                "1 一页式结算，2 新首页，3 橙色按钮",
                ge=1,
                le=3,
            ),
            _USER,
            Column("variant", TEXT, "group", "分组", values={"control": "对照组", "treatment": "实验组"}),
            Column("exposed_at", TIME, "first visit under the test", "首次曝光时间"),
            Column(
                "converted", BOOL, "paid an order within 14 days of exposure", "曝光后 14 天内是否支付订单"
            ),
            _yuan("revenue", "amount paid within 14 days of exposure", "曝光后 14 天内支付金额"),
            _yuan("revenue_before", "amount paid in the 90 days before exposure", "曝光前 90 天内支付金额"),
        ),
        key=("experiment_id", "user_id"),
        links={"user_id": ("users", "user_id")},
    ),
    Table(
        "content",
        "a published piece",
        "一篇发布的内容",
        (
            _id("content_id", "the piece", "内容编号"),
            Column(
                "platform",
                TEXT,
                "where",
                "平台",
                values={
                    "app": "App",
                    "wechat": "微信公众号",
                    "weibo": "微博",
                    "xiaohongshu": "小红书",
                    "douyin": "抖音",
                },
            ),
            Column(
                "format",
                TEXT,
                "form",
                "形式",
                values={"article": "图文长文", "image": "图片笔记", "short_video": "短视频", "live": "直播"},
            ),
            Column(
                "topic",
                TEXT,
                "what about",
                "主题",
                values={
                    "new_arrival": "上新",
                    "how_to": "教程",
                    "deal": "优惠",
                    "story": "品牌故事",
                    "festival": "节日",
                },
            ),
            Column("published_at", TIME, "when", "发布时间"),
            _count("impressions", "times shown", "曝光"),
            _count("reads", "reads or plays", "阅读（播放）"),
            _count("likes", "likes", "点赞"),
            _count("comments", "comments", "评论"),
            _count("shares", "shares", "分享"),
            _count("clicks", "clicks to the mall", "商城点击"),
            _count("orders", "orders within 3 days of the click", "点击后 3 天内订单"),
            _yuan("revenue", "their amount", "订单金额"),
            _yuan("cost", "making and promoting it", "制作与推广成本"),
        ),
        key=("content_id",),
    ),
    Table(
        "live_minutes",
        "a minute of a livestream",
        "直播的一分钟",
        (
            _id("stream_id", "the stream", "直播场次"),
            Column(
                "minute",
                INT,
                "minute from the start, 0 the first",
                "开播后第几分钟（从 0 起）",
                unit="min",
                ge=0,
            ),
            Column("ts", TIME, "clock time", "时间"),
            _count("viewers", "people watching", "在线人数"),
            _count("comments", "comments", "评论数"),
            _count("likes", "likes", "点赞数"),
            Column(
                "interaction",
                TEXT,
                "what the host did",
                "互动",
                values={"none": "无", "lottery": "抽奖", "q_and_a": "答疑", "coupon_drop": "发券"},
            ),
            _count("product_clicks", "clicks on products", "商品点击"),
            _count("orders", "orders", "订单数"),
            _yuan("revenue", "their amount", "成交金额"),
        ),
        key=("stream_id", "minute"),
    ),
    Table(
        "tickets",
        "a service contact",
        "一张客服工单",
        (
            _id("ticket_id", "the ticket", "工单编号"),
            _USER,
            Column(
                "order_id",
                NULL_INT,
                "the order it is about",
                "相关订单",
                missing=("not about an order", "与订单无关"),
                ge=1,
            ),
            Column("created_at", TIME, "when it came", "创建时间"),
            Column(
                "channel",
                TEXT,
                "how it came",
                "渠道",
                values={"chat": "在线客服", "phone": "电话", "email": "邮件", "app_form": "App 表单"},
            ),
            Column("text_en", TEXT, "what was said, in English", "内容（英文）"),
            Column("text_zh", TEXT, "what was said, in Chinese", "内容（中文）"),
            Column(
                "category",
                TEXT,
                "labelled by hand",
                "人工标注的类别",
                missing=("not labelled yet", "尚未标注"),
                values=TICKET_CATEGORIES,
            ),
            Column("severity", INT, "1 mild … 4 urgent", "严重程度，1 轻微 … 4 紧急", ge=1, le=4),
            Column(
                "first_response_at",
                TIME,
                "first answer",
                "首次响应时间",
                missing=("not answered yet", "尚未响应"),
            ),
            Column("resolved_at", TIME, "closed", "解决时间", missing=("still open", "未解决")),
            Column(
                "csat",
                NULL_INT,
                "satisfaction, 1–5",
                "满意度，1–5",
                missing=("no answer", "未评价"),
                ge=1,
                le=5,
            ),
        ),
        key=("ticket_id",),
        links={"user_id": ("users", "user_id"), "order_id": ("orders", "order_id")},
    ),
    Table(
        "community",
        "a user's membership of a chat group",
        "一位用户的社群成员记录",
        (
            _id("group_id", "the group", "社群"),
            _USER,
            Column("joined_at", TIME, "when joined", "加入时间"),
            _count("messages_sent", "messages sent up to year end", "截至年末的发言数"),
            Column("left_at", TIME, "when left", "退出时间", missing=("still in", "仍在群内")),
        ),
        key=("group_id", "user_id"),
        links={"user_id": ("users", "user_id")},
    ),
    Table(
        "market",
        "a mall × category × week, as a vendor sells it",
        "商城 × 品类 × 周（第三方市场数据）",
        (
            Column("week", TIME, "Monday of the week", "该周周一"),
            Column(
                "brand",
                TEXT,
                "the mall",
                "商城",
                values={"Juzi": "橘子商城", "Lingdu": "灵渡", "Baishun": "百顺", "Haoyi": "好邑"},
            ),
            Column("category", TEXT, "category", "品类", values=CATEGORIES),
            Column(
                "price_index",
                FLOAT,
                "price level, market average 100",
                "价格指数，市场平均为 100",
                ge=50,
                le=200,
            ),
            Column("rating", FLOAT, "mean rating", "平均评分", unit="1–5", ge=1, le=5),
            _count("review_count", "reviews that week", "当周评价数"),
            Column(
                "share",
                FLOAT,
                "share of the category's sales among the four",
                "四家中的品类销售份额",
                ge=0,
                le=1,
            ),
        ),
        key=("week", "brand", "category"),
    ),
    Table(
        "surveys",
        "an NPS survey sent",
        "一份发出的 NPS 问卷",
        (
            _id("survey_id", "the survey", "问卷编号"),
            _USER,
            Column("sent_at", TIME, "when sent", "发送时间"),
            Column("answered_at", TIME, "when answered", "回答时间", missing=("no answer", "未回答")),
            Column(
                "nps",
                NULL_INT,
                "would you recommend us, 0–10",
                "推荐意愿，0–10",
                missing=("no answer", "未回答"),
                ge=0,
                le=10,
            ),
            Column("comment_en", TEXT, "comment, in English", "评语（英文）", missing=("none", "无")),
            Column("comment_zh", TEXT, "comment, in Chinese", "评语（中文）", missing=("none", "无")),
        ),
        key=("survey_id",),
        links={"user_id": ("users", "user_id")},
    ),
    Table(
        "interviews",
        "a user drawn at random from the regulars and interviewed by the research team",
        "一位从常客中随机抽出、接受调研团队访谈的用户",
        (
            _USER,
            Column("interviewed_on", TIME, "day of the call", "访谈日期"),
            Column(
                "persona",
                TEXT,
                "the type the interviewer wrote down",
                "访谈员记录的用户类型",
                values=PERSONAS,
            ),
        ),
        key=("user_id",),
        links={"user_id": ("users", "user_id")},
    ),
)

TABLES: Final[dict[str, Table]] = {table.name: table for table in _ALL}
