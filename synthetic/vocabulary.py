"""Names of people and of products, as arrays to look words up in.

People's names are Faker's (MIT licence), frozen in vocabulary.json by freeze_vocabulary.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .arrays import words
from .regions import REGIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .streams import Ints

LOCALES = {
    "NA": ("en_US", "en_US", "en_US", "fr_CA"),
    "EMEA": ("en_GB", "de_DE", "fr_FR", "it_IT", "es_ES", "nl_NL"),
    "APAC": ("en_IN", "zh_CN", "ja_JP", "id_ID"),
    "LATAM": ("pt_BR", "es_MX", "es_AR", "es_CO"),
}
"""Faker's locales per region; one that stands several times is as many times as likely."""

CHOICES = 1 << 12
"""Names are picked with 12 bits each."""

MAIL_DOMAINS = ("example.com", "example.net", "example.org", "mail.example")
"""Reserved for documentation (RFC 2606): nobody is ever written to. One per region."""


@dataclass(frozen=True, slots=True)
class People:
    """All first or last names, and where those of each region's locales stand."""

    names: pa.StringArray
    mail_names: pa.StringArray
    picks: NDArray[np.int32]
    """Index of a name by region, locale (12 choices) and 12 random bits; shape (4, 12, 4096)."""


LOCALE_CHOICES = 12


@cache
def people(kind: str) -> People:
    """The `first` or `last` names."""
    import json  # noqa: PLC0415 - a tenth of the time it takes to import this package, and needed for customers alone
    from importlib.resources import files  # noqa: PLC0415 - as json

    lists = json.loads(files(__package__ or "").joinpath("vocabulary.json").read_text(encoding="utf-8"))
    names: list[str] = []
    where = {}
    for locale, listed in lists.items():
        where[locale] = (len(names), len(listed[kind]))
        names += listed[kind]
    picks = np.array([_region_picks(region, where) for region in REGIONS], dtype=np.int32)
    return People(words(names), words([mail_name(n) for n in names]), picks)


def _region_picks(region: str, where: dict[str, tuple[int, int]]) -> list[NDArray[np.int64]]:
    locales = LOCALES[region]
    seats = (where[locales[i % len(locales)]] for i in range(LOCALE_CHOICES))
    return [first + np.arange(CHOICES) * count // CHOICES for first, count in seats]


def mail_name(name: str) -> str:
    """A name as it stands in an e-mail address: lower case, ASCII; empty where that is not possible."""
    import unicodedata  # noqa: PLC0415 - as json above

    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    letters = plain.replace("\u00df", "ss").replace("\u0142", "l").lower()
    return "".join(c for c in letters if c.isalnum()) if letters.isascii() else ""


@dataclass(frozen=True, slots=True)
class Department:
    """A product category: what it sells, in what makes, at what prices."""

    category: str
    makes: tuple[str, ...]
    things: dict[str, int]
    """Typical price of each thing, in whole units of money."""


DEPARTMENTS = (
    Department(
        "Electronics",
        ("Wireless", "Compact", "Pro", "Smart", "Portable", "Ultra"),
        {"Headphones": 89, "Speaker": 69, "Keyboard": 59, "Mouse": 35, "Monitor": 249, "Webcam": 79, "Charger": 29},
    ),
    Department(
        "Computers",
        ("Slim", "Business", "Gaming", "Studio", "Refurbished"),
        {"Laptop": 899, "Tablet": 399, "Mini PC": 549, "Docking Station": 159, "SSD": 95, "Router": 119},
    ),
    Department(
        "Home & Kitchen",
        ("Steel", "Ceramic", "Bamboo", "Cast Iron", "Glass", "Classic"),
        {"Frying Pan": 39, "Kettle": 45, "Knife Set": 79, "Storage Jar": 14, "Mixing Bowl": 19, "Coffee Maker": 99},
    ),
    Department(
        "Furniture",
        ("Oak", "Walnut", "Folding", "Upholstered", "Modular"),
        {"Desk": 229, "Bookcase": 149, "Armchair": 319, "Side Table": 89, "Bed Frame": 379, "Stool": 59},
    ),
    Department(
        "Clothing",
        ("Cotton", "Linen", "Merino", "Denim", "Organic", "Relaxed"),
        {"T-Shirt": 19, "Shirt": 45, "Jacket": 119, "Trousers": 59, "Dress": 69, "Socks": 9, "Sweater": 75},
    ),
    Department(
        "Sports & Outdoors",
        ("Trail", "Lightweight", "All-Season", "Junior", "Waterproof"),
        {"Backpack": 85, "Tent": 199, "Running Shoes": 110, "Yoga Mat": 29, "Water Bottle": 18, "Bike Helmet": 65},
    ),
    Department(
        "Beauty & Health",
        ("Sensitive", "Daily", "Herbal", "Mineral", "Travel-Size"),
        {"Face Cream": 24, "Shampoo": 11, "Sunscreen": 16, "Toothbrush": 39, "Vitamin Set": 22, "Razor": 27},
    ),
    Department(
        "Toys & Games",
        ("Wooden", "Magnetic", "Classic", "Family", "Glow-in-the-Dark"),
        {"Puzzle": 17, "Building Blocks": 42, "Board Game": 34, "Train Set": 79, "Plush Bear": 21, "Card Game": 12},
    ),
    Department(
        "Books",
        ("Illustrated", "Pocket", "Annotated", "Collector's", "Beginner's"),
        {"Cookbook": 25, "Atlas": 35, "Novel": 14, "Travel Guide": 19, "Dictionary": 29, "Poetry Anthology": 16},
    ),
    Department(
        "Grocery",
        ("Organic", "Fair-Trade", "Roasted", "Family-Size", "Gluten-Free"),
        {"Coffee Beans": 15, "Olive Oil": 13, "Muesli": 6, "Green Tea": 8, "Dark Chocolate": 4, "Pasta": 3},
    ),
)


@dataclass(frozen=True, slots=True)
class Wares:
    """Every make of every thing in every department, in parallel arrays."""

    names: pa.StringArray
    categories: pa.StringArray
    typical_cents: Ints


@cache
def wares() -> Wares:
    """All combinations of make and thing that go together."""
    rows = [
        (f"{make} {thing}", department.category, price * 100)
        for department in DEPARTMENTS
        for thing, price in department.things.items()
        for make in department.makes
    ]
    names, categories, cents = zip(*rows, strict=True)
    return Wares(words(names), words(categories), np.array(cents, dtype=np.int64))
