"""The made-up city: its places and its citizens."""

from dataclasses import dataclass
from random import Random

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红建国文斌晓燕志鹏雪梅海波"
STREETS = (
    ("东城区", "滨河街道", "street-east-01", "990101001"),
    ("东城区", "松园街道", "street-east-02", "990101002"),
    ("西城区", "桥头街道", "street-west-01", "990102001"),
    ("西城区", "南湖街道", "street-west-02", "990102002"),
)
ROADS = (
    "滨河路", "松园东路", "和平路", "桥头大街", "南湖南路", "文昌路", "解放路", "青年路",
    "学府路", "翠竹路", "望江路", "新民街", "光明路", "银杏大道", "工农路", "迎宾路",
)  # fmt: skip
COMPOUNDS = (
    "滨河花园", "松园小区", "锦绣江南", "阳光里", "桥头新村", "南湖家园", "翠竹苑", "望江名邸",
    "银杏公馆", "学府雅苑", "和平里", "迎宾花苑", "青年公寓", "文昌府", "光明新城", "金色年华",
)  # fmt: skip
COMPANIES = ("宏达建筑公司", "鑫源电子厂", "新城劳务公司", "恒信物流公司", "锦程服饰厂")
SHOPS = ("启明星", "乐动", "金钥匙", "优学", "力健", "小博士")
CENTRE = (28.5, 117.0)
"""Where the city would be, degrees north and east."""

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"


@dataclass(frozen=True, slots=True)
class Citizen:
    """Who calls. ``phone`` is the first identity; some have an account of the app besides."""

    phone: str
    name: str
    id_card: str
    account: str | None
    wechat: str | None


@dataclass(frozen=True, slots=True)
class Scene:
    """A place and the things there: what a matter is about (R13)."""

    slots: dict[str, str]
    street_unit: str
    division: str
    lat: float
    lon: float


def citizen(rng: Random, number: int) -> Citizen:
    """The ``number``-th citizen; phone numbers do not collide below ten million."""
    name = rng.choice(SURNAMES) + rng.choice(GIVEN) + (rng.choice(GIVEN) if number % 3 else "")
    mixed = number * 7_654_321 % 10_000_000  # the factor is odd and no multiple of 5: a permutation
    roll = rng.random()
    return Citizen(
        phone=f"13{number // 10_000_000 % 10}0{mixed:07d}",
        name=name,
        id_card=id_card(rng),
        account=f"u{number:08d}" if roll < 0.25 else None,
        wechat=f"o6_{mixed:07d}{number:06d}" if roll > 0.85 else None,
    )


def id_card(rng: Random) -> str:
    """A number with a right check digit, of a prefecture (3699) that does not exist."""
    body = f"3699{rng.randrange(1, 3):02d}{rng.randrange(1950, 2006)}"
    body += f"{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{rng.randrange(1, 1000):03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True))
    return body + ID_CHECKS[total % 11]


def scene(rng: Random) -> Scene:
    district, street, unit, division = rng.choice(STREETS)
    return Scene(
        slots={
            "district": district,
            "street": street,
            "road": rng.choice(ROADS),
            "number": str(rng.randrange(1, 300)),
            "compound": rng.choice(COMPOUNDS),
            "building": str(rng.randrange(1, 30)),
            "unit": str(rng.randrange(1, 5)),
            "room": f"{rng.randrange(1, 30)}0{rng.randrange(1, 5)}",
            "company": rng.choice(COMPANIES),
            "shop": rng.choice(SHOPS),
            "line": str(rng.randrange(1, 400)),
        },
        street_unit=unit,
        division=division,
        lat=round(CENTRE[0] + rng.uniform(-0.08, 0.08), 5),
        lon=round(CENTRE[1] + rng.uniform(-0.08, 0.08), 5),
    )
