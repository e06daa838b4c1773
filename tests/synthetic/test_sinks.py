from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import partial
from threading import Event

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from pytest_floe.synthetic import DataQuality, Ecommerce
from pytest_floe.synthetic.checksums import checksum
from pytest_floe.synthetic.errors import InvalidSettings, TargetError
from pytest_floe.synthetic.export import export
from pytest_floe.synthetic.schemas import SCHEMAS, TABLES
from pytest_floe.synthetic.sinks import iceberg
from pytest_floe.synthetic.sinks.duckdb import DuckDBSink
from pytest_floe.synthetic.sinks.files import FileSink
from pytest_floe.synthetic.sinks.formats import FORMATS, Parquet
from pytest_floe.synthetic.sinks.places import new_folder

from tests.servers.moto_s3 import moto_s3  # noqa: F401 - a fixture

from .oracle import together

SHOP = Ecommerce(seed=11, quality=DataQuality.demo())


@pytest.fixture(scope="module")
def plan():
    return SHOP.history(orders=1000, days=3, batch_size=150)


@pytest.fixture(scope="module")
def expected(plan):
    batches = list(plan.batches())
    return {table: checksum(together(batches, table)) for table in TABLES}


def written(folder, file_format, table):
    paths = sorted(folder.glob(f"{table}/**/*.{file_format}"))
    data = ds.dataset([str(p) for p in paths], format=file_format, schema=SCHEMAS[table])
    return data.to_table(columns=SCHEMAS[table].names)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize(("chunk", "per_file"), [(1000, 1000), (37, 200), (200, 37)])
def test_workers_chunks_and_files_change_no_value(tmp_path, plan, expected, workers, chunk, per_file):
    with new_folder(str(tmp_path / "out")) as folder:
        tally = export(
            plan,
            range(plan.batch_count),
            folder,
            Parquet(),
            workers=workers,
            chunk_size=chunk,
            orders_per_file=per_file,
        )
    for table in TABLES:
        made = written(tmp_path / "out", "parquet", table)
        assert checksum(made) == expected[table]
        assert tally.rows[table] == len(made)


def test_files_are_equal_byte_for_byte_however_many_workers_write_them(tmp_path, plan):
    """Without compression: Snappy does not compress the same bytes to the same bytes every time."""
    contents = []
    for name, workers in (("alone", 1), ("several", 3)):
        with new_folder(str(tmp_path / name)) as folder:
            export(plan, range(plan.batch_count), folder, Parquet("none"), workers=workers, orders_per_file=300)
        contents.append({p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.parquet")})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("file_format", ["arrow", "csv"])
def test_other_formats_hold_the_same_values(tmp_path, plan, expected, file_format):
    with new_folder(str(tmp_path / "out")) as folder:
        export(plan, range(plan.batch_count), folder, FORMATS[file_format], orders_per_file=300)
    for table in TABLES:
        if file_format == "arrow":
            assert checksum(written(tmp_path / "out", "arrow", table)) == expected[table]
        else:
            assert checksum(_from_csv(tmp_path / "out" / table, SCHEMAS[table])) == expected[table]


def _from_csv(folder, schema):
    """Read by DuckDB, not by the library that wrote it."""
    columns = ", ".join(f"'{f.name}': '{_sql(f.type)}'" for f in schema)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.sql(f"FROM read_csv('{folder}/*.csv', header = true, columns = {{{columns}}})")
        return rows.to_arrow_table().cast(schema)


def _sql(kind):
    names = {"string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER", "decimal128(12, 2)": "DECIMAL(12,2)"}
    return names.get(str(kind), "TIMESTAMPTZ")


def test_hive_folders_are_read_back_as_a_column(tmp_path, plan, expected):
    with new_folder(str(tmp_path / "out")) as folder:
        export(plan, range(plan.batch_count), folder, Parquet(), by_batch=True)
    for table in TABLES:
        data = ds.dataset(
            tmp_path / "out" / table, partitioning=ds.partitioning(pa.schema([("batch", pa.int64())]), flavor="hive")
        )
        batches = [data.to_table(filter=ds.field("batch") == k) for k in range(plan.batch_count)]
        made = pa.concat_tables(batches).select(SCHEMAS[table].names).cast(SCHEMAS[table])
        assert checksum(made) == expected[table]


def test_row_groups_are_as_large_as_asked_for(tmp_path, plan):
    with new_folder(str(tmp_path / "out")) as folder:
        export(plan, range(plan.batch_count), folder, Parquet(row_group_size=100))
    file = pq.ParquetFile(tmp_path / "out/orders/part-00000.parquet")
    assert max(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)) == 100


def test_small_batches_share_row_groups(tmp_path):
    plan = SHOP.history(orders=1000, days=3, batch_size=10)
    with new_folder(str(tmp_path / "out")) as folder:
        export(plan, range(plan.batch_count), folder, Parquet())
    file = pq.ParquetFile(tmp_path / "out/order_items/part-00000.parquet")
    assert file.num_row_groups == 1
    assert (tmp_path / "out/order_items/part-00000.parquet").stat().st_size < 200 * file.metadata.num_rows


def test_batches_with_dictionaries_share_row_groups_and_one_dictionary(tmp_path):
    """Late items name orders of earlier batches, so one order may stand in the dictionaries of several pieces."""
    plan = SHOP.history(orders=60_000, days=60, batch_size=6_000)
    with new_folder(str(tmp_path / "out")) as folder:
        export(plan, range(plan.batch_count), folder, Parquet())
    for table, sizes in (("orders", 1), ("order_items", 2)):
        file = pq.ParquetFile(tmp_path / f"out/{table}/part-00000.parquet")
        assert file.num_row_groups == sizes
        made = pa.concat_tables(getattr(batch, table) for batch in plan.batches())
        assert file.read().cast(made.schema).equals(made)
    of_order = file.metadata.row_group(0).column(file.schema_arrow.get_field_index("order_id"))
    assert of_order.has_dictionary_page
    assert of_order.total_uncompressed_size < 30 * file.metadata.row_group(0).num_rows  # a key takes 40 as it is


def test_an_interrupted_export_leaves_nothing(tmp_path, plan):
    def interrupt(_):
        raise KeyboardInterrupt

    target = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), new_folder(str(target)) as folder:
        export(plan, range(plan.batch_count), folder, Parquet(), orders_per_file=100, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_workers_end_with_their_present_piece_when_an_export_is_interrupted(tmp_path, plan, monkeypatch):
    """Two files of 50 pieces each; it is interrupted when the first is done."""
    made, interrupted, part = [], Event(), plan.part

    def counted(*piece, **how):
        if len(made) == 50:
            interrupted.wait(60)
        made.append(piece)
        return part(*piece, **how)

    def interrupt(_):
        interrupted.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "part", counted)
    with pytest.raises(KeyboardInterrupt), new_folder(str(tmp_path / "out")) as folder:
        export(plan, range(7), folder, Parquet(), chunk_size=10, orders_per_file=500, progress=interrupt)
    assert 50 <= len(made) < 100


def test_a_folder_that_is_not_empty_is_not_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(TargetError, match="not an empty folder"), new_folder(str(tmp_path)):
        raise AssertionError("must not come here")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.fixture
def store():
    """An object store in memory, behind PyArrow's interface."""
    memory = pytest.importorskip("fsspec").filesystem("memory", skip_instance_cache=True)
    memory.mkdir("/bucket")
    yield fs.PyFileSystem(fs.FSSpecHandler(memory))
    memory.rm("/bucket", recursive=True)


def test_batches_go_to_an_object_store_and_are_marked_complete(store):
    sink = FileSink("/bucket/shop", system=store)
    batch = SHOP.batch(3, orders=20)
    assert sink.append(batch) is True
    assert sink.append(batch) is False
    names = {info.base_name for info in store.get_file_info(fs.FileSelector("/bucket/shop/batch=000003"))}
    assert names == {"_SUCCESS", *(f"{table}.parquet" for table in TABLES)}
    with store.open_input_file("/bucket/shop/batch=000003/orders.parquet") as stream:
        assert checksum(pq.read_table(stream).cast(SCHEMAS["orders"])) == checksum(batch.orders)


def test_batches_go_to_a_file_system_that_has_folders_and_is_not_the_local_disk(tmp_path):
    sink, batch = FileSink("lake", system=fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())), SHOP.batch(3)
    assert [sink.append(batch), sink.append(batch)] == [True, False]
    assert checksum(pq.read_table(tmp_path / "lake/batch=000003/defects.parquet")) == checksum(batch.defects)


@pytest.mark.parametrize("place", ["nowhere", "lake/shop?region=eu-west-1&endpoint_override=127.0.0.1:1&scheme=http"])
def test_what_logs_in_at_a_target_is_not_shown(place):
    with (
        pytest.raises(TargetError) as error,
        new_folder(f"{'s3' if '?' in place else 'none'}://floe:s3cr3t/+x@{place}"),
    ):
        pass

    assert "s3cr3t" not in str(error.value)
    assert f"//***@{place}" in str(error.value)


def test_batches_go_to_a_uri_with_a_query(monkeypatch, moto_s3):  # noqa: F811
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto_s3.admin.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto_s3.admin.secret_access_key)
    bucket, server = moto_s3.bucket("synthetic"), moto_s3.url.removeprefix("http://")
    uri = f"s3://{bucket}/shop?endpoint_override={server}&scheme=http&region={moto_s3.region}"
    for batch, added in ((SHOP.batch(3, orders=20), True), (SHOP.batch(3, orders=20), False)):
        assert FileSink(uri).append(batch) is added
    of_batch = {f"shop/batch=000003/{name}" for name in ("_SUCCESS", *(f"{table}.parquet" for table in TABLES))}
    assert {"shop/_made_with.json", *of_batch} <= set(moto_s3.shown_in(bucket))


def test_a_batch_left_unfinished_in_an_object_store_is_told_with_a_remedy(store):
    """As a killed process leaves it."""
    sink, batch = FileSink("/bucket/shop", system=store), SHOP.batch(3, orders=20)
    assert sink.append(batch) is True
    store.delete_file("/bucket/shop/batch=000003/_SUCCESS")
    with pytest.raises(TargetError, match=r"^/bucket/shop/batch=000003 holds .* no _SUCCESS: .* Remove this folder"):
        sink.append(batch)
    store.delete_dir("/bucket/shop/batch=000003")
    assert sink.append(batch) is True


def test_an_object_store_is_left_empty_by_a_failure(store):
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(ZeroDivisionError))
        stack.enter_context(new_folder("/bucket/shop", store)).open("orders.parquet").close()
        raise ZeroDivisionError
    left = store.get_file_info(fs.FileSelector("/bucket", recursive=True))
    assert [info for info in left if info.type == fs.FileType.File] == []


def test_a_batch_is_a_folder_that_appears_whole(tmp_path, monkeypatch):
    sink, batch = FileSink(tmp_path), SHOP.batch(3, orders=20)
    monkeypatch.setattr(Parquet, "open", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sink.append(batch)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert [sink.append(batch), sink.append(batch)] == [True, False]
    assert checksum(pq.read_table(tmp_path / "batch=000003/defects.parquet")) == checksum(batch.defects)


def test_what_a_killed_process_has_left_of_a_batch_is_removed_unless_it_is_locked(tmp_path):
    """In a container the next process often has the same number."""
    killed = subprocess.Popen(["true"])
    killed.wait()
    left = [tmp_path / f".batch=000003.{number}.partial" for number in (killed.pid, os.getpid(), os.getppid())]
    for folder in left:
        folder.mkdir()
    descriptor = os.open(left[0], os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert FileSink(tmp_path).append(SHOP.batch(3, orders=20)) is True
    assert [folder.exists() for folder in left] == [True, False, True]
    os.close(descriptor)
    assert FileSink(tmp_path).append(SHOP.batch(3, orders=20)) is False
    assert [folder.exists() for folder in left] == [False, False, True]


def test_what_a_killed_process_has_left_does_not_hinder_who_begins_anew_from_the_first_batch(tmp_path):
    left = tmp_path / f".batch=000001.{os.getpid()}.partial"
    assert FileSink(tmp_path).append(SHOP.batch(0, orders=20))
    left.mkdir()
    sink = FileSink(tmp_path)
    assert [sink.append(batch) for batch in SHOP.batches(0, 2, orders=20)] == [False, True]
    assert not left.exists()


def test_a_folder_that_could_not_say_what_it_is_made_with_takes_the_batch_later(tmp_path):
    """Headers alone are shorter than what the folder says."""
    append = f"""
from pytest_floe.synthetic import Ecommerce
from pytest_floe.synthetic.sinks.files import FORMATS, FileSink
FileSink({str(tmp_path / "lake")!r}, FORMATS["csv"]).append(Ecommerce().batch(1, orders=0))
"""
    short_files = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (140, 140))
    command = [sys.executable, "-B", "-c", append]
    failed = subprocess.run(command, preexec_fn=short_files, capture_output=True, text=True, check=False)
    assert "disk is full" in failed.stderr
    assert list((tmp_path / "lake").iterdir()) == []
    subprocess.run(command, check=True)


def test_duckdb_holds_the_batches_once(tmp_path, plan, expected):
    with DuckDBSink(tmp_path / "shop.duckdb") as sink:
        added = [sink.append(batch) for batch in [*plan.batches(), plan.batch(2)]]
    assert added == [True] * plan.batch_count + [False]
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in TABLES:
            assert checksum(connection.table(table).to_arrow_table().cast(SCHEMAS[table])) == expected[table]


PARTS = {
    "first orders": lambda plan: plan.part(1, 0, 15),
    "some tables": lambda plan: plan.part(1, 0, 30, only=("orders",)),
    "dictionary arrays": lambda plan: plan.part(1, 0, 30, encoded=True),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sink", ["files", "duckdb", "iceberg"])
@pytest.mark.parametrize("part", PARTS)
def test_no_sink_takes_a_part_of_a_batch_for_the_batch(tmp_path, sink, part):
    plan = SHOP.even(30)
    with ExitStack() as stack:
        if sink == "files":
            target = FileSink(tmp_path)
        elif sink == "duckdb":
            target = stack.enter_context(DuckDBSink(tmp_path / "shop.duckdb"))
        else:
            target = iceberg.IcebergSink(iceberg.local_catalog(tmp_path))
        with pytest.raises(InvalidSettings, match=r"a part of batch 1.* append plan.batch\(1\)"):
            target.append(PARTS[part](plan))
        assert [target.append(plan.batch(1)), target.append(plan.batch(1))] == [True, False]


@pytest.fixture(params=["duckdb", "iceberg"])
def tables(tmp_path, request):
    """A sink whose tables have one schema for all batches."""
    if request.param == "iceberg":
        yield iceberg.IcebergSink(iceberg.local_catalog(tmp_path))
    else:
        with DuckDBSink(tmp_path / "shop.duckdb") as sink:
            yield sink


@pytest.mark.filterwarnings("ignore")
def test_a_batch_whose_schema_drifts_goes_to_files_only(tmp_path, tables):
    plan = Ecommerce(quality=DataQuality(schema_drift_rate=1.0)).even(10)
    drifts = [
        "orders.channel is missing there and string here",
        "order_items.quantity is int32 there and int64 here",
        r"orders.total_amount is decimal128\(12, 2\) there and decimal128\(18, 4\) here",
        "customers.loyalty_tier is missing there and string here",
    ]
    refused = set()
    for number in range(20):
        with pytest.raises(
            TargetError, match=f"^batch {number} does not fit the tables of .*schema_drift_rate"
        ) as told:
            tables.append(plan.batch(number))
        refused |= {drift for drift in drifts if re.search(f": {drift}. Files take", str(told.value))}
        assert FileSink(tmp_path / "lake").append(plan.batch(number)) is True
    assert refused == set(drifts)


OTHERS = {
    "seed": Ecommerce(seed=12, quality=DataQuality.demo()).even(10),
    "null_rate": Ecommerce(seed=11, quality=DataQuality.demo().but(null_rate=0.5)).even(10),
    "batch_span": Ecommerce(seed=11, quality=DataQuality.demo(), batch_span=timedelta(hours=1)).even(10),
    "orders": SHOP.even(11),
    "orders_per_day": SHOP.curve(100),
    "days": SHOP.history(orders=100, days=3, batch_size=10),
}


@pytest.mark.parametrize("place", ["disk", "object store"])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("setting", OTHERS)
def test_a_folder_takes_no_batch_of_another_shop(tmp_path, store, setting, number, place):
    sink = FileSink(tmp_path) if place == "disk" else FileSink("/bucket/shop", system=store)
    assert sink.append(SHOP.batch(0, orders=10)) is True
    with pytest.raises(TargetError, match=rf"was made with other settings: .*\b{setting} is "):
        sink.append(OTHERS[setting].batch(number))
    assert [sink.append(SHOP.batch(k, orders=10)) for k in (0, 1)] == [False, True]


def test_a_folder_takes_no_batch_in_another_format(tmp_path):
    assert FileSink(tmp_path, FORMATS["csv"]).append(SHOP.batch(0, orders=10)) is True
    for number in (0, 1):
        with pytest.raises(TargetError, match=r"was made with other settings: format is csv there and parquet here\."):
            FileSink(tmp_path).append(SHOP.batch(number, orders=10))
    assert FileSink(tmp_path, FORMATS["csv"]).append(SHOP.batch(1, orders=10)) is True


def test_a_folder_of_unknown_making_is_refused_unless_it_is_empty(tmp_path):
    FileSink(tmp_path).append(SHOP.batch(0, orders=10))
    (tmp_path / "_made_with.json").unlink()
    with pytest.raises(TargetError, match=r"does not say what .* remove"):
        FileSink(tmp_path).append(SHOP.batch(0, orders=10))
    shutil.rmtree(tmp_path / "batch=000000")
    assert FileSink(tmp_path).append(SHOP.batch(0, orders=10)) is True


def test_of_two_shops_written_to_a_folder_at_once_the_other_is_not_there(tmp_path, monkeypatch):
    """The other begins, and ends, while this one writes."""
    begun, other, opened = [], OTHERS["seed"].batch(1), Parquet.open

    def overtaken(*file):
        if not begun:
            begun.append(True)
            FileSink(tmp_path).append(other)
        return opened(*file)

    monkeypatch.setattr(Parquet, "open", overtaken)
    with pytest.raises(TargetError, match="seed is 12 there and 11 here"):
        FileSink(tmp_path).append(SHOP.batch(0, orders=10))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_made_with.json", "batch=000001"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("setting", OTHERS)
def test_duckdb_takes_no_batch_of_another_shop(tmp_path, setting, number):
    with DuckDBSink(tmp_path / "shop.duckdb") as sink:
        assert sink.append(SHOP.batch(0, orders=10)) is True
        with pytest.raises(TargetError, match=rf"shop.duckdb was made with other settings: .*\b{setting} is "):
            sink.append(OTHERS[setting].batch(number))
        assert sink.append(SHOP.batch(0, orders=10)) is False
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(DISTINCT order_id) FROM orders").fetchone() == (10,)


def test_duckdb_of_unknown_making_is_refused_unless_it_is_empty(tmp_path):
    with DuckDBSink(tmp_path / "shop.duckdb") as sink:
        sink.append(SHOP.batch(0, orders=10))
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("DROP TABLE _made_with; DROP TABLE products")
    with DuckDBSink(tmp_path / "shop.duckdb") as sink, pytest.raises(TargetError, match=r"does not say what .* remove"):
        sink.append(SHOP.batch(1, orders=10))
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        assert connection.sql("SELECT count(*) FROM duckdb_tables()").fetchone() == (len(TABLES),)
        connection.execute("; ".join(f"DELETE FROM {name}" for name in ("_batches", *set(TABLES) - {"products"})))
    with DuckDBSink(tmp_path / "shop.duckdb") as sink:
        assert sink.append(SHOP.batch(1, orders=10)) is True


def test_a_batch_that_fails_half_way_leaves_duckdb_as_it_was(tmp_path):
    with DuckDBSink(tmp_path / "shop.duckdb") as sink, duckdb.connect(str(tmp_path / "shop.duckdb")) as other:
        sink.append(SHOP.batch(0, orders=10))
        other.execute("ALTER TABLE defects RENAME TO hidden")
        with pytest.raises(TargetError, match="Whole batches already written are kept"):
            sink.append(SHOP.batch(1, orders=10))
        other.execute("ALTER TABLE hidden RENAME TO defects")
        assert sink.append(SHOP.batch(1, orders=10)) is True


@pytest.mark.parametrize("name", ["a%20b", "a#b", "a?b", "a\nb"])
def test_a_folder_that_iceberg_would_take_for_another_is_refused(tmp_path, name):
    with pytest.raises(TargetError, match=r"Iceberg takes '.*' in a path for something else. Name one without it"):
        iceberg.local_catalog(tmp_path / name / "shop")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_duckdb_would_take_for_another_is_refused(tmp_path):
    with pytest.raises(TargetError, match=r"DuckDB takes '\?' in a path for something else. Name one without it"):
        DuckDBSink(tmp_path / "a?b" / "shop.duckdb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a b", "100%", "a'b;c&d+é"])
def test_other_folders_hold_tables_of_iceberg_and_duckdb(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    batch = SHOP.batch(0, orders=10)
    assert iceberg.IcebergSink(iceberg.local_catalog(tmp_path / name)).append(batch) is True
    with DuckDBSink("shop.duckdb") as sink:
        assert sink.append(batch) is True
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["catalog.sqlite", "shop", "shop.duckdb"]


@pytest.fixture
def catalog(tmp_path):
    return iceberg.local_catalog(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_iceberg_gets_one_snapshot_per_batch_and_none_twice(catalog):
    plan = SHOP.even(30)
    sink = iceberg.IcebergSink(catalog)
    assert [sink.append(plan.batch(k)) for k in (0, 1, 1, 0)] == [True, True, False, False]
    for name in TABLES:
        table = catalog.load_table(f"shop.{name}")
        assert [s.summary.additional_properties["floe.batch"] for s in table.snapshots()] == ["0", "1"]
        made = table.scan().to_arrow().sort_by("_batch_id").cast(SCHEMAS[name])
        assert checksum(made) == checksum(together(plan.batches(0, 2), name))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_failed_commit_is_repeated_but_never_doubled(catalog, monkeypatch, lost):
    from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException
    from pyiceberg.table import Transaction

    sink, commit, calls = iceberg.IcebergSink(catalog), Transaction.commit_transaction, []

    def flaky(transaction):
        calls.append(transaction)
        if len(calls) > 1:
            return commit(transaction)
        if lost == "answer":
            commit(transaction)
            raise CommitStateUnknownException("timed out")
        raise CommitFailedException("somebody was faster")

    monkeypatch.setattr(Transaction, "commit_transaction", flaky)
    assert sink.add(SHOP.batch(0, orders=30)) == TABLES
    assert len(catalog.load_table("shop.customers").scan().to_arrow()) == len(SHOP.batch(0, orders=30).customers)


@pytest.mark.filterwarnings("ignore")
def test_iceberg_recognises_a_batch_although_its_snapshot_has_expired(catalog):
    sink = iceberg.IcebergSink(catalog)
    sink.append(SHOP.batch(0, orders=30))
    table = catalog.load_table("shop.orders")
    table.append(table.scan().to_arrow().slice(0, 0))
    table.maintenance.expire_snapshots().by_id(table.snapshots()[0].snapshot_id).commit()
    assert sink.append(SHOP.batch(0, orders=30)) is False
    assert len(catalog.load_table("shop.orders").scan().to_arrow()) == len(SHOP.batch(0, orders=30).orders)


@pytest.mark.filterwarnings("ignore")
def test_iceberg_recognises_a_batch_although_its_snapshot_alone_has_expired(catalog):
    plan = SHOP.even(30)
    sink = iceberg.IcebergSink(catalog)
    assert [sink.append(plan.batch(number)) for number in (0, 1, 2)] == [True, True, True]
    for name in TABLES:
        table = catalog.load_table(f"shop.{name}")
        table.maintenance.expire_snapshots().by_id(table.snapshots()[0].snapshot_id).commit()
    assert sink.append(plan.batch(0)) is False


@pytest.mark.filterwarnings("ignore")
def test_iceberg_recognises_rows_of_a_batch_that_something_else_has_added(catalog):
    plan = SHOP.even(30)
    sink = iceberg.IcebergSink(catalog)
    sink.append(plan.batch(0))
    catalog.load_table("shop.orders").append(plan.batch(1).orders)
    assert sink.add(plan.batch(1)) == tuple(name for name in TABLES if name != "orders")
    assert len(rows_in(catalog, "orders")) == sum(len(plan.batch(number).orders) for number in (0, 1))


@pytest.mark.filterwarnings("ignore")
def test_iceberg_reads_no_rows_while_the_snapshots_tell_of_all_batches(catalog, monkeypatch):
    """So that the hundredth batch takes no longer than the first."""
    from pyiceberg.table import Table

    scanned, scan = [], Table.scan
    monkeypatch.setattr(Table, "scan", lambda table, *what, **how: scanned.append(table) or scan(table, *what, **how))
    plan = SHOP.even(10)
    added = [iceberg.IcebergSink(catalog).append(plan.batch(number)) for number in (0, 1, 1, 2)]
    assert (added, scanned) == ([True, True, False, True], [])


def rows_in(catalog, name):
    return catalog.load_table(f"shop.{name}").scan().to_arrow()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("setting", OTHERS)
def test_iceberg_takes_no_batch_of_another_shop(catalog, setting, number):
    sink = iceberg.IcebergSink(catalog)
    assert sink.append(SHOP.batch(0, orders=10)) is True
    message = rf"namespace shop of Iceberg catalog local .* was made with other settings: .*\b{setting} is "
    for writer in (sink, iceberg.IcebergSink(catalog)):
        with pytest.raises(TargetError, match=message):
            writer.append(OTHERS[setting].batch(number))
    assert sink.append(SHOP.batch(0, orders=10)) is False
    assert {len(catalog.load_table(f"shop.{name}").snapshots()) for name in TABLES} == {1}


@pytest.mark.filterwarnings("ignore")
def test_iceberg_of_unknown_making_is_refused_unless_it_is_empty(catalog):
    batch = SHOP.batch(0, orders=10)
    catalog.create_namespace("shop")
    catalog.create_table("shop.orders", SCHEMAS["orders"])
    catalog.create_table("shop.products", SCHEMAS["products"]).append(batch.products)
    with pytest.raises(TargetError, match=r"does not say what .* remove"):
        iceberg.IcebergSink(catalog).append(batch)
    assert sorted(catalog.list_tables("shop")) == [("shop", "orders"), ("shop", "products")]
    catalog.load_table("shop.products").delete()
    assert iceberg.IcebergSink(catalog).append(batch) is True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("table", [0, 1, len(TABLES) - 1])
def test_of_two_writers_of_one_batch_to_iceberg_the_second_adds_nothing(catalog, monkeypatch, table):
    """The other commits between this one's looking and its commit."""
    batch, other = SHOP.batch(0, orders=30), iceberg.IcebergSink(catalog)
    overtake(monkeypatch, table, lambda: other.append(batch))
    assert iceberg.IcebergSink(catalog).add(batch) == TABLES[:table]
    for name in TABLES:
        assert checksum(rows_in(catalog, name).cast(SCHEMAS[name])) == checksum(getattr(batch, name))


@pytest.mark.filterwarnings("ignore")
def test_of_two_shops_written_to_iceberg_at_once_the_first_is_whole_and_the_other_is_not_there(catalog, monkeypatch):
    batch, other = OTHERS["seed"].batch(0), iceberg.IcebergSink(catalog)
    overtake(monkeypatch, 0, lambda: other.append(batch))
    with pytest.raises(TargetError, match="seed is 12 there and 11 here"):
        iceberg.IcebergSink(catalog).append(SHOP.batch(0, orders=10))
    for name in TABLES:
        assert checksum(rows_in(catalog, name).cast(SCHEMAS[name])) == checksum(getattr(batch, name))


def overtake(monkeypatch, table, work):
    """Have `work` done before the commit to the table of this number is asked for."""
    from pyiceberg.table import Transaction

    commit, calls = Transaction.commit_transaction, []

    def overtaken(transaction):
        calls.append(transaction)
        if len(calls) == table + 1:
            work()
        return commit(transaction)

    monkeypatch.setattr(Transaction, "commit_transaction", overtaken)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["shop.duckdb", "catalog.sqlite"])
def test_what_cannot_be_opened_is_not_said_to_keep_batches(tmp_path, name):
    (tmp_path / name).write_text("this is no database" * 100)
    with pytest.raises(TargetError, match=f"^{tmp_path}.* refuses: ") as told:
        DuckDBSink(tmp_path / name) if name == "shop.duckdb" else iceberg.local_catalog(tmp_path)
    assert "are kept" not in str(told.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("missing", ["iceberg_tables", "iceberg_namespace_properties"])
def test_what_an_iceberg_catalog_refuses_is_an_error_that_names_it(tmp_path, catalog, missing):
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        connection.execute(f"DROP TABLE {missing}")
    refused = rf"^namespace shop of Iceberg catalog local .*: catalog or storage refuses: .*no such table: {missing}"
    with pytest.raises(TargetError, match=refused):
        iceberg.IcebergSink(catalog).append(SHOP.batch(0, orders=10))
