"""Products and campaigns: the same shelf for every company, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userops.schema.tables import CATEGORIES
from userops.simulate._random import Floats, Ints, stream
from userops.simulate.parameters import CHANNEL, DAYS, PRICE_TILT, PROMOTIONS, PURSE, day

# kind of product (English, Chinese) and brands, by category; 10 kinds × 3 styles a category
_SHELF: dict[str, tuple[float, float, str, str]] = {
    "beauty": (
        118,
        0.60,
        "Qinghe Lumi Baiwei",
        "Face Cream 面霜|Serum 精华液|Lipstick 口红|Sunscreen 防晒霜|Cleanser 洁面乳|Mask Box 面膜礼盒|Perfume 香水|Hand Cream 护手霜|Foundation 粉底液|Shampoo 洗发水",
    ),
    "fashion": (
        149,
        0.55,
        "Mosi Beilan Yuanye",
        "T-shirt T 恤|Dress 连衣裙|Jeans 牛仔裤|Down Jacket 羽绒服|Trainers 运动鞋|Handbag 手提包|Cap 棒球帽|Shirt 衬衫|Skirt 半身裙|Sandals 凉鞋",
    ),
    "digital": (
        459,
        0.85,
        "Xingtu Noda Linkai",
        "Earbuds 蓝牙耳机|Power Bank 充电宝|Smart Watch 智能手表|Tablet 平板电脑|Keyboard 键盘|Phone 手机|Camera 相机|Speaker 音箱|Phone Case 手机壳|Electric Toothbrush 电动牙刷",
    ),
    "home": (
        89,
        0.60,
        "Muyu Anju Suran",
        "Storage Box 收纳盒|Bed Linen 四件套|Desk Lamp 台灯|Thermos 保温杯|Towel 毛巾|Frying Pan 平底锅|Pillow 枕头|Mop 拖把|Tissue 抽纸|Air Fryer 空气炸锅",
    ),
    "food": (
        45,
        0.50,
        "Tiantian Guyu Shanye",
        "Nuts 坚果|Fresh Milk 鲜牛奶|Oranges 橙子|Rice 大米|Instant Noodles 方便面|Beef Jerky 牛肉干|Coffee 咖啡|Biscuits 饼干|Dumplings 水饺|Olive Oil 橄榄油",
    ),
    "health": (
        129,
        0.50,
        "Yangsheng Kangning Hetai",
        "Goji Berries 枸杞|Fish Oil 鱼油|Calcium 钙片|Foot Bath 足浴盆|Massager 按摩仪|Green Tea 绿茶|Honey 蜂蜜|Blood Pressure Monitor 血压计|Protein Powder 蛋白粉|Vitamin C 维生素 C",
    ),
    "baby": (
        109,
        0.55,
        "Doudou Miya Xiaoshu",
        "Nappies 纸尿裤|Milk Powder 奶粉|Baby Wipes 婴儿湿巾|Building Blocks 积木|Picture Book 绘本|Stroller 婴儿车|Baby Clothes 婴儿服|Feeding Bottle 奶瓶|Baby Lotion 婴儿润肤乳|Snack Puffs 泡芙",
    ),
    "gifts": (
        189,
        0.55,
        "Liyue Huajian Jinxi",
        "Flower Box 鲜花礼盒|Chocolate Box 巧克力礼盒|Tea Gift Set 茶叶礼盒|Necklace 项链|Mooncake Box 月饼礼盒|Scented Candle 香薰蜡烛|Music Box 音乐盒|Pen Set 钢笔礼盒|Wine Gift Set 红酒礼盒|Scarf Gift Set 围巾礼盒",
    ),
}
_STYLES = (("Classic", "经典款"), ("Light", "轻享款"), ("Select", "臻选款"))
_STYLE_TILT = (0.0, -0.30, 0.45)


@dataclass(frozen=True)
class Catalogue:
    """The shelf as arrays; ``weight`` is (6 personas · 3 purses · 8 categories) × products of a category."""

    name_en: list[str]
    name_zh: list[str]
    brand: list[str]
    category: Ints
    price: Ints  # fen
    cost: Ints  # fen
    launched: Ints  # day number, negative before 2025
    weight: Floats
    companion: Ints  # the product that goes with a product
    stand_in: Ints  # an older product, shown before a product is launched
    per_category: int

    def taste_row(self, persona: Ints, purse: Ints, category: Ints) -> Ints:
        """Return the row of ``weight`` for each persona, purse and category."""
        return (persona * len(PURSE) + purse) * len(CATEGORIES) + category


def catalogue(seed: int) -> Catalogue:
    """Return the shelf of a company: the products, and how each persona and purse chooses among them."""
    rng = stream(seed, -1, "catalogue")
    names_en: list[str] = []
    names_zh: list[str] = []
    brands: list[str] = []
    categories: list[int] = []
    logs: list[float] = []
    for index, name in enumerate(CATEGORIES):
        middle, spread, brand_names, kinds = _SHELF[name]
        for kind in kinds.split("|"):
            split = next(i for i, letter in enumerate(kind) if ord(letter) > 0x2E80)
            split = kind.rindex(" ", 0, split + 1) if " " in kind[: split + 1] else split
            english, chinese = (kind[:split], kind[split + 1 :])
            if english.endswith(" T"):  # "T-shirt T 恤"
                english, chinese = english[:-2], "T " + chinese
            kind_tilt = rng.normal(0.0, spread)
            for style, ((style_en, style_zh), tilt) in enumerate(zip(_STYLES, _STYLE_TILT, strict=True)):
                brand = brand_names.split()[(style + len(names_en) // 3) % 3]
                names_en.append(f"{brand} {english} {style_en}")
                names_zh.append(f"{brand} {chinese} {style_zh}")
                brands.append(brand)
                categories.append(index)
                logs.append(float(np.log(middle)) + kind_tilt + tilt + rng.normal(0.0, 0.08))
    category = np.array(categories)
    count = len(category)
    # Prices end in .90 or .00, as on a real shelf.
    yuan = np.maximum(np.round(np.exp(np.array(logs))), 6).astype(np.int64)
    price = yuan * 100 - np.where(rng.random(count) < 0.7, 10, 0)
    margin = np.array([0.55, 0.50, 0.22, 0.38, 0.28, 0.48, 0.30, 0.52])[category] + rng.normal(0, 0.04, count)
    cost = (price * (1 - np.clip(margin, 0.1, 0.7))).astype(np.int64)
    per = count // len(CATEGORIES)
    position = np.arange(count) % per
    launched = rng.integers(-900, 0, count)
    late = rng.random(count) < 0.15
    late &= position % 3 != 0
    launched = np.where(late, rng.integers(20, DAYS - 20, count), launched)

    popularity = 1.0 / (1 + np.argsort(np.argsort(rng.random((len(CATEGORIES), per)), axis=1), axis=1)) ** 0.8
    log_price = np.log(price.reshape(len(CATEGORIES), per))
    centre = np.median(log_price, axis=1, keepdims=True)
    tilt = (PRICE_TILT[:, None] + PURSE).ravel()
    away = log_price[None] - centre[None] - tilt[:, None, None]
    weight = popularity[None] * np.exp(-0.5 * (away / 0.38) ** 2) + 1e-6
    # A companion is another kind in the same or a neighbouring category, bought together more than by chance.
    shift = rng.integers(1, per // 3, count) * 3
    same = (position + shift) % per + category * per
    other = rng.permutation(count)
    companion = np.where(rng.random(count) < 0.75, same, other)
    stand_in = category * per + position // 3 * 3
    return Catalogue(
        names_en,
        names_zh,
        brands,
        category,
        price,
        cost,
        launched,
        weight.reshape(-1, per),
        companion,
        stand_in,
        per,
    )


@dataclass(frozen=True)
class AdCampaign:
    """One advertising campaign of a channel; ``first`` and ``last`` are days of the year."""

    campaign_id: int
    name_en: str
    name_zh: str
    channel: int
    first: int
    last: int
    strength: float  # spend a day against the channel's always-on campaign


_AD_NAMES = {
    "search_ads": ("Search", "搜索"),
    "short_video": ("Short video", "短视频"),
    "livestream": ("Livestream", "直播"),
    "kol": ("KOL", "达人"),
    "app_store": ("App store", "应用商店"),
}
_AD_PHASES = (
    ("always on", "常态投放", 0, DAYS - 1, 1.0),
    ("6.18 push", "618 冲刺", day(6, 1), day(6, 18), 1.2),
    ("11.11 push", "双 11 冲刺", day(10, 24), day(11, 11), 1.4),
)


def ad_campaigns() -> list[AdCampaign]:
    """Return the adverts' campaigns: three a paid channel."""
    found: list[AdCampaign] = []
    for channel, (en, zh) in _AD_NAMES.items():
        for phase_en, phase_zh, first, last, strength in _AD_PHASES:
            number = 101 + len(found)
            found.append(
                AdCampaign(
                    number,
                    f"{en} · {phase_en}",
                    f"{zh} · {phase_zh}",
                    CHANNEL[channel],
                    first,
                    last,
                    strength,
                )
            )
    return found


WELCOME_ID = 1


def promotion_id(place: int) -> int:
    """Return the campaign_id of a promotion by its place in ``parameters.PROMOTIONS``."""
    return 2 + place


PROMOTION_IDS = tuple(promotion_id(i) for i in range(len(PROMOTIONS)))
