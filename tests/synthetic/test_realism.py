"""That the data look like a shop's, measured from the tables alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from pytest_floe.synthetic import Ecommerce
from pytest_floe.synthetic.regions import REGIONS, UTC_OFFSETS
from pytest_floe.synthetic.vocabulary import LOCALES

from .oracle import database
from .shops import seeds


@pytest.fixture(scope="module", params=["even", "curve"])
def month(request):
    """Four weeks of a shop, as a database."""
    span = timedelta(days=28) if request.param == "even" else timedelta(days=7)
    shop = Ecommerce(seed=1, start=datetime(2025, 1, 6, tzinfo=UTC), batch_span=span)
    plan = shop.even(60_000) if request.param == "even" else shop.curve(2_100)
    return database(list(plan.batches(0, 1 if request.param == "even" else 4)))


@pytest.mark.parametrize("region", range(len(REGIONS)))
def test_every_region_follows_its_own_day(month, region):
    counts = dict(
        month.execute(
            "SELECT hour(order_date + to_hours($1)), count(*) FROM orders JOIN customers USING (customer_id)"
            " WHERE region = $2 GROUP BY ALL",
            [UTC_OFFSETS[region], REGIONS[region]],
        ).fetchall()
    )
    assert max(counts, key=counts.get) in {20, 21}
    assert counts[10] > 1.2 * counts[13] > counts[13] > 3 * counts[3]


def test_weekdays_differ_and_weekends_are_not_mondays(month):
    counts = dict(month.execute("SELECT isodow(order_date), count(*) FROM orders GROUP BY ALL").fetchall())
    assert counts[1] > 1.1 * counts[6]


def test_a_fifth_of_the_customers_places_most_of_the_orders(month):
    share = month.execute(
        """SELECT sum(n) FILTER (place <= 0.2) / sum(n)
           FROM (SELECT n, percent_rank() OVER (ORDER BY n DESC) AS place
                 FROM (SELECT count(order_id) AS n
                       FROM customers LEFT JOIN orders USING (customer_id) GROUP BY customer_id))"""
    ).fetchone()[0]
    assert 0.5 < share < 0.8


def test_the_status_fits_the_age_of_the_order(month):
    ages = dict(month.execute("SELECT status, median(_ingested_at - order_date) FROM orders GROUP BY ALL").fetchall())
    assert ages["pending"] < timedelta(hours=1) < ages["processing"] < ages["shipped"] < ages["delivered"]
    cancelled = month.execute("SELECT avg((status = 'cancelled')::INT) FROM orders").fetchone()[0]
    assert 0.02 < cancelled < 0.04


def test_orders_are_shipped_within_days(month):
    quick, median, slow = month.execute(
        "SELECT quantile_cont(epoch(shipped_date - order_date) / 3600, [0.02, 0.5, 0.98]) FROM orders"
    ).fetchone()[0]
    assert quick < 2
    assert 12 < median < 36 < slow < 120


def test_baskets_and_prices_are_those_of_a_shop(month):
    size, single = month.execute(
        "SELECT avg(n), avg((n = 1)::INT) FROM (SELECT count(*) AS n FROM order_items GROUP BY order_id)"
    ).fetchone()
    assert 2.4 < size < 2.6
    assert 0.3 < single < 0.4
    kinds, cheap, dear = month.execute(
        "SELECT count(DISTINCT category), min(price), max(price) FROM products"
    ).fetchone()
    assert (kinds, cheap < 5, 900 < dear < 5000) == (10, True, True)
    assert month.execute("SELECT count(*) FROM products WHERE price % 1 <> 0.99").fetchone() == (0,)
    discounted = month.execute(
        "SELECT avg((discount > 0)::INT), max(discount / (quantity * unit_price)) FROM order_items"
    )
    share, most = discounted.fetchone()
    assert 0.2 < share < 0.3
    assert most < 0.31


def test_a_name_of_a_product_belongs_to_one_category(month):
    assert (
        month.execute(
            "SELECT regexp_replace(name, ' S[0-9]+$', '') FROM products GROUP BY 1 HAVING count(DISTINCT category) > 1"
        ).fetchall()
        == []
    )


def test_a_shop_grows(month):
    by_year = Ecommerce(seed=1, batch_span=timedelta(days=7)).curve(500)
    first, later = by_year.window(0).orders, by_year.window(52).orders
    assert 1.2 < later / first < 1.32
    del month


@given(seeds)
def test_e_mail_addresses_match_the_names_and_reach_nobody(seed):
    for row in Ecommerce(seed=seed).batch(0, orders=5).customers.slice(0, 40).to_pylist():
        account, _, domain = row["email"].partition("@")
        assert domain.rpartition(".")[2] == "example" or domain in {"example.com", "example.net", "example.org"}
        assert account.isascii()
        assert row["name"][0].isascii() is False or account[0] == row["name"].replace("'", "")[0].lower()


def test_names_are_fakers():
    from pytest_floe.synthetic.freeze_vocabulary import names_of
    from pytest_floe.synthetic.vocabulary import people

    for kind in ("first", "last"):
        frozen = set(people(kind).names.to_pylist())
        fakers = {name for several in LOCALES.values() for locale in several for name in names_of(locale, kind)}
        assert len(frozen - fakers) <= 0.05 * len(frozen)
