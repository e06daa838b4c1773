from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_floe.synthetic.distributions import zipf_rank, zipf_span
from pytest_floe.synthetic.growth import CUSTOMERS, PRODUCTS
from pytest_floe.synthetic.streams import MAPPING_VERSION, Stream, chance, uniform

from . import recorded

MASK = 2**64 - 1


def philox(key, counter):
    """Philox4x64-10 as its authors describe it, in Python's whole numbers."""
    words = [counter >> 64 * i & MASK for i in range(4)]
    low, high = key & MASK, key >> 64
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * words[0], 0xCA5A826395121157 * words[2]
        words = [second >> 64 ^ words[1] ^ low, second & MASK, first >> 64 ^ words[3] ^ high, first & MASK]
        low, high = low + 0x9E3779B97F4A7C15 & MASK, high + 0xBB67AE8584CAA73B & MASK
    return words


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**40), st.integers(0, 20), st.integers(1, 5))
def test_a_row_is_the_keystream_at_its_place(key, first, rows, width):
    words = Stream(key).words(first, rows, width).reshape(rows, width)
    for row in range(rows):
        for column in range(width):
            counter, word = divmod((first + row) * width + column, 4)
            assert int(words[row, column]) == philox(key, counter + 1)[word]


@given(
    st.integers(0, 2**128 - 1),
    st.lists(st.integers(0, 300) | st.integers(0, 50_000), max_size=30).map(sorted),
    st.integers(1, 3),
)
@example(key=1, rows=[0, 0, 2], width=1)
def test_single_rows_are_those_of_the_whole(key, rows, width):
    stream, rows = Stream(key), np.array(rows, dtype=np.int64)
    assert np.array_equal(stream.at(rows, width), stream.words(0, 50_001, width)[rows])


@given(st.integers(0, 2**128 - 1))
def test_rates_of_0_and_1_are_exact(key):
    words = np.append(Stream(key).words(0, 100), np.array([0, MASK], dtype=np.uint64))
    assert not chance(words, 0.0).any()
    assert chance(words, 1.0).all()
    assert (uniform(words) < 1).all()


@pytest.mark.parametrize("growth", [CUSTOMERS, PRODUCTS])
@given(rows=st.lists(st.integers(0, 2**40), min_size=1).map(sorted))
def test_members_exist_from_their_first_order_on(growth, rows):
    known = growth.known_each(np.array(rows))
    assert known.tolist() == [growth.known(row) for row in rows]
    newest = known[known > growth.initial] - 1
    first = growth.first_order(newest)
    assert (growth.known_each(first) > newest).all()
    assert (growth.known_each(first - 1) <= newest).all()


def test_ranks_follow_the_law_of_zipf_and_mandelbrot():
    population = 100_000
    fractions = (np.arange(500_000) + 0.5) / 500_000
    ranks = zipf_rank(fractions, zipf_span(np.array(population)), np.array(population))
    shares = np.cumsum((np.arange(population) + 16.0) ** -0.75)
    for first in (10, 100, 1_000, 20_000):
        assert (ranks < first).mean() == pytest.approx(shares[first - 1] / shares[-1], abs=0.001)
    assert (ranks < population / 5).mean() == pytest.approx(0.63, abs=0.005)


def test_a_seed_gives_what_it_has_always_given():
    written = json.loads(recorded.FILE.read_text())
    assert written["mapping_version"] == MAPPING_VERSION
    assert recorded.checksums() == written["checksums"]
