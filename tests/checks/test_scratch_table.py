"""What every SQL engine's write check shares, on a DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest
from pytest_floe.checks import scratch_table
from pytest_floe.checks.scratch_table import Rows, literal, quoted

from pytest_floe import Finding, Probe

TABLE = quoted("scratch")
CREATE = f"CREATE TABLE {TABLE} (id integer, note varchar)"


class Engine:
    """A DuckDB in memory; ``tamper`` replaces text in what it is asked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.tamper = ("", "")

    def run(self, sql: str) -> Rows:
        return self.connection.execute(sql.replace(*self.tamper)).fetchall()

    def tables(self) -> Rows:
        return self.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()


@pytest.fixture
def engine() -> Iterator[Engine]:
    with closing(duckdb.connect()) as connection:
        yield Engine(connection)


@pytest.fixture
def probe() -> Probe:
    return Probe(endpoint="test", write=True)


def verify(probe: Probe, engine: Engine) -> None:
    scratch_table.verify(probe, engine.run, TABLE, CREATE, engine.run, lambda _: lambda _: None)


def test_the_table_is_gone_at_the_end(probe: Probe, engine: Engine) -> None:
    verify(probe, engine)
    assert [canary.removed for canary in probe.canaries] == [True]
    assert engine.tables() == []


@pytest.mark.parametrize(
    "tamper",
    [("VALUES (1,", "VALUES (2,"), ("INSERT INTO", "EXPLAIN INSERT INTO"), ("run 0", "run 1")],
    ids=["another value", "nothing written", "another text"],
)
def test_a_row_that_does_not_come_back_as_written(probe: Probe, engine: Engine, tamper: tuple[str, str]) -> None:
    engine.tamper = tamper
    with pytest.raises(Finding) as caught:
        verify(probe, engine)
    assert (caught.value.cause, caught.value.subject) == ("operate.wrong_content", TABLE)
    assert probe.clean_up(caught.value) == []
    assert engine.tables() == []


def test_names_and_texts_can_not_break_out_of_their_quotes(engine: Engine) -> None:
    name, text = 'a"b', "it's"
    engine.run(f"CREATE TABLE {quoted(name)} AS SELECT {literal(text)} AS note")
    assert (engine.tables(), engine.run(f"FROM {quoted(name)}")) == ([(name,)], [(text,)])
