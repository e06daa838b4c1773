from __future__ import annotations

import fcntl
import os
import pty
import resource
import select
import shlex
import signal
import subprocess
import sys
import termios
import time
from functools import partial

import duckdb
import pyarrow.dataset as ds
import pytest
from pytest_floe.synthetic.cli import main

from tests.faults.disk import make_read_only, small_disk

MODULE = [sys.executable, "-m", "pytest_floe.synthetic", "generate"]
DEMO = ["--null-rate", "0.02", "--duplicate-rate", "0.01", "--late-arrival-rate", "0.05"]


def run(*arguments, **options):
    return subprocess.run([*MODULE, *map(str, arguments)], capture_output=True, text=True, check=False, **options)


def test_a_newcomers_first_try(tmp_path):
    done = run("--orders", 5000, "--out", tmp_path / "shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
    assert "5,000 orders" in done.stdout
    assert "rows/s" in done.stdout
    assert done.stdout.rstrip().endswith("defects: none")
    assert sorted(p.name for p in (tmp_path / "shop").iterdir()) == [
        "customers", "defects", "order_items", "orders", "products",
    ]  # fmt: skip
    assert ds.dataset(tmp_path / "shop/orders").count_rows() == 5000


def test_the_closing_line_counts_the_ledger(tmp_path, capsys):
    assert main(["generate", "--orders", "3000", "--out", str(tmp_path / "shop"), *DEMO]) == 0
    line = capsys.readouterr().out
    kinds = ds.dataset(tmp_path / "shop/defects").to_table()["kind"].value_counts().to_pylist()
    for kind in kinds:
        assert f"{kind['counts']:,} {kind['values']}" in line
    assert {kind["values"] for kind in kinds} == {"null", "duplicate", "late", "withheld"}


def test_describe_says_exactly_what_would_be_made_and_makes_nothing(tmp_path, capsys):
    arguments = ["generate", "--orders", "3000", "--out", str(tmp_path / "shop")]
    assert main([*arguments, "--describe"]) == 0
    said = capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main(arguments) == 0
    for table in ("customers", "products", "orders", "order_items"):
        assert f"{ds.dataset(tmp_path / 'shop' / table).count_rows():,} rows" in said


@pytest.mark.parametrize("file_format", ["parquet", "csv", "arrow", "duckdb"])
def test_every_format_is_written(tmp_path, capsys, file_format):
    assert main(["generate", "--orders", "500", "--format", file_format, "--out", str(tmp_path / "shop"), *DEMO]) == 0
    assert "500 orders" in capsys.readouterr().out or file_format


def test_a_database_is_resumed_where_it_was_left(tmp_path, capsys):
    arguments = ["generate", "--orders", "1000", "--format", "duckdb", "--out", str(tmp_path / "shop")]
    assert main(arguments) == 0
    with duckdb.connect(str(tmp_path / "shop/shop.duckdb")) as connection:
        connection.execute("DELETE FROM orders WHERE _batch_id = 3; DELETE FROM order_items WHERE _batch_id = 3")
        connection.execute("DELETE FROM customers WHERE _batch_id = 3; DELETE FROM products WHERE _batch_id = 3")
        connection.execute("DELETE FROM _batches WHERE batch = 3")
    assert main(arguments) == 0
    with duckdb.connect(str(tmp_path / "shop/shop.duckdb")) as connection:
        counted = connection.sql("SELECT count(*), count(DISTINCT order_id) FROM orders").fetchone()
    assert counted == (1000, 1000)
    capsys.readouterr()


def tables_of(target, file_format):
    """What a target holds, by table."""
    if file_format == "duckdb":
        with duckdb.connect(str(target / "shop.duckdb")) as connection:
            names = [name for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()]
            return {name: sorted(connection.table(name).fetchall(), key=str) for name in names}
    from pytest_floe.synthetic.sinks.iceberg import local_catalog

    catalog = local_catalog(target)
    return {name: catalog.load_table(name).metadata_location for name in catalog.list_tables("shop")}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file_format", ["duckdb", "iceberg"])
@pytest.mark.parametrize(
    ("given", "differences"),
    [
        (["--seed", "3"], ["seed is 0 there and 3 here"]),
        (["--null-rate", "0"], ["null_rate is 0.1 there and 0 here"]),
        (["--late-arrival-rate", "1"], ["late_arrival_rate is 0 there and 1", "max_late_days is not set there and 7"]),
        (["--start", "2024-01-01"], ["start is 2025-01-01T00:00:00+00:00 there and 2024-01-01T00:00:00+00:00 here"]),
        (["--days", "0.5"], ["days is 90 there and 0.5 here"]),
        (["--batch-size", "200"], ["batch_size is 100 there and 200 here"]),
        (["--orders", "301"], ["orders is 300 there and 301 here"]),
    ],
)
def test_a_target_made_with_other_settings_is_refused_untouched(tmp_path, capsys, file_format, given, differences):
    target = tmp_path / "shop"
    arguments = ["generate", "--format", file_format, "--out", str(target), "--orders", "300", "--null-rate", "0.1"]
    assert main(arguments) == 0
    before = tables_of(target, file_format)
    assert main([*arguments, *given]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert str(target) in said
    assert all(difference in said for difference in differences), said
    assert said.count(" there and ") == len(differences)
    assert "name another place" in said
    assert tables_of(target, file_format) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file_format", ["duckdb", "iceberg"])
def test_what_changes_no_value_may_differ_when_a_target_is_resumed(tmp_path, capsys, file_format):
    arguments = ["generate", "--format", file_format, "--out", str(tmp_path / "shop"), "--orders", "300"]
    assert main(arguments) == 0
    assert main([*arguments, "--workers", "2", "--max-late-days", "3", "--start", "2025-01-01T05:00+05:00"]) == 0
    capsys.readouterr()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file_format", ["duckdb", "iceberg"])
def test_the_closing_line_tells_what_was_appended_from_what_was_there(tmp_path, capsys, file_format):
    from pytest_floe.synthetic import DataQuality, Ecommerce
    from pytest_floe.synthetic.sinks.duckdb import DuckDBSink
    from pytest_floe.synthetic.sinks.iceberg import IcebergSink, local_catalog

    quality = DataQuality(null_rate=0.02, duplicate_rate=0.01, late_arrival_rate=0.05)
    plan = Ecommerce(quality=quality).history(orders=500, days=90, batch_size=100)
    (tmp_path / "shop").mkdir()
    if file_format == "duckdb":
        with DuckDBSink(tmp_path / "shop/shop.duckdb") as sink:
            there, missing = [plan.batch(0), plan.batch(3)], [plan.batch(k) for k in (1, 2, 4)]
            assert [sink.append(batch) for batch in there] == [True, True]
    else:
        sink = IcebergSink(local_catalog(tmp_path / "shop"))
        there, missing = [plan.batch(0), plan.batch(3)], [plan.batch(k) for k in (1, 2, 4)]
        assert [sink.append(batch) for batch in there] == [True, True]
    arguments = ["generate", "--orders", "500", "--format", file_format, "--out", str(tmp_path / "shop"), *DEMO]
    assert main(arguments) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{sum(len(batch.customers) for batch in missing):,} customers, ")
    assert f"{sum(len(batch.order_items) for batch in missing):,} order_items in " in line
    rows = sum(batch.records for batch in there)
    assert f"; 3 batches appended, 2 were there already ({rows:,} rows); defects: " in line
    nulls = sum(batch.defects["kind"].to_pylist().count("null") for batch in missing)
    assert f"defects: {nulls:,} null, " in line
    assert main(arguments) == 0
    line = capsys.readouterr().out
    rows += sum(batch.records for batch in missing)
    assert line.startswith("0 customers, 0 products, 0 orders, 0 order_items in ")
    assert line.endswith(f"; 0 batches appended, 5 were there already ({rows:,} rows); defects: none\n")


def test_all_mistakes_are_told_at_once(tmp_path, capsys):
    rates = ["--null-rate", "1.5", "--duplicate-rate=-0.1", "--late-arrival-rate", "nan", "--max-late-days", "0"]
    code = main(["generate", "--orders=-1", "--workers", "0", "--out", str(tmp_path / "shop"), *rates])
    said = capsys.readouterr().err
    assert code == 2
    for mistake in (
        "orders=-1",
        "workers=0",
        "null_rate=1.5",
        "duplicate_rate=-0.1",
        "late_arrival_rate=nan",
        "max_late",
    ):
        assert mistake in said
    assert list(tmp_path.iterdir()) == []


def test_no_target_is_an_error_with_a_remedy(capsys):
    assert main(["generate", "--orders", "10"]) == 2
    assert "--describe" in capsys.readouterr().err


@pytest.mark.parametrize("uri", ["s3://bucket/folder", "file:///nowhere/shop"])
@pytest.mark.parametrize(("file_format", "remedy"), [("duckdb", "name one"), ("iceberg", "or a catalog by --catalog")])
def test_a_uri_where_only_a_folder_will_do_is_an_error_with_a_remedy(
    tmp_path, monkeypatch, capsys, file_format, remedy, uri
):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "--orders", "10", "--format", file_format, "--out", uri]) == 2
    said = capsys.readouterr().err
    assert f"--out={uri!r} is a URI, and --format {file_format} takes a folder: " in said
    assert said.endswith(f"{remedy}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file_format", "given", "mistake"),
    [
        ("duckdb", ["--partition-by-batch"], "--partition-by-batch has no effect with --format duckdb: leave it out"),
        ("iceberg", ["--orders-per-file", "9"], "--orders-per-file has no effect with --format iceberg: leave it out"),
        ("csv", ["--compression", "zstd"], "--compression has no effect with --format csv: leave it out, or take par"),
        ("arrow", ["--row-group-size", "9"], "--row-group-size has no effect with --format arrow: leave it out"),
        ("csv", ["--row-group-size", "0"], "--row-group-size has no effect with --format csv: leave it out"),
        ("parquet", ["--catalog", "mine"], "--catalog has no effect with --format parquet: leave it out, or take ice"),
        ("duckdb", ["--namespace", "mine"], "--namespace has no effect with --format duckdb: leave it out"),
        ("iceberg", ["--catalog", "mine"], "--out='shop' has no effect with --catalog, which has places of its own"),
    ],
)
def test_an_option_without_effect_is_an_error_with_a_remedy(tmp_path, monkeypatch, capsys, file_format, given, mistake):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "--orders", "10", "--format", file_format, "--out", "shop", *given]) == 2
    assert f"  {mistake}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["0", "1" + 21 * "0"])
def test_a_row_group_that_cannot_be_is_told_with_all_else(tmp_path, capsys, size):
    target = tmp_path / "shop"
    assert main(["generate", "--orders", "10", "--days", "-1", "--row-group-size", size, "--out", str(target)]) == 2
    said = capsys.readouterr().err
    assert f"row_group_size={size} is not a whole number from 1 to " in said
    assert "days=-1.0 is not" in said
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_number_and_no_date_is_told_with_all_else(capsys):
    wrong = {
        "orders": "1e6", "seed": "1.5", "days": "a week", "batch_size": "9.", "null_rate": "2%", "max_late_days": "-",
        "workers": "all", "chunk_size": "4k", "orders_per_file": "x", "row_group_size": "1M", "start": "yesterday",
    }  # fmt: skip
    given = [f"--{name.replace('_', '-')}={value}" for name, value in wrong.items()]
    assert main(["generate", *given]) == 2
    first, *mistakes = capsys.readouterr().err.splitlines()
    assert first == "error:"
    assert len(mistakes) == len(wrong) + 1
    for name, value in wrong.items():
        assert sum(mistake.startswith(f"  {name}={value!r} is not a ") for mistake in mistakes) == 1, name
    assert any("--out is missing" in mistake for mistake in mistakes)
    assert any("'yesterday' is not a date such as 2025-01-31" in mistake for mistake in mistakes)


def test_more_workers_than_a_machine_has_threads_for_are_refused(tmp_path, capsys):
    assert main(["generate", "--orders", "10", "--workers", "100000", "--out", str(tmp_path / "shop")]) == 2
    assert "workers=100000 is not a whole number from 1 to 1024" in capsys.readouterr().err


TARGETS = {
    "a file": "file",
    "a full folder": "full",
    "below a file": "file/shop",
    "a device": "/dev/null",
    "the working directory": "empty",
    "a name that is not UTF-8": "\udcff",
}


@pytest.mark.parametrize("place", TARGETS)
def test_a_target_that_cannot_be_written_is_an_error_with_a_remedy_before_anything_is_written(tmp_path, place):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    done = run("--orders", 10, "--out", tmp_path / TARGETS[place], cwd=tmp_path / "empty")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert ".partial" not in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "file", "file", "full"]


def test_a_mounted_disk_is_no_target_but_a_folder_on_it_is():
    with small_disk(os.geteuid()) as disk:
        done = run("--orders", 10, "--out", disk)
        assert (done.returncode, done.stderr.splitlines()) == (1, [
            f"error: {disk} is mounted, or the working directory, and cannot be replaced: name a folder in it"
        ])  # fmt: skip
        assert run("--orders", 10, "--out", disk / "shop").returncode == 0


@pytest.mark.parametrize("there", [True, False])
def test_a_link_to_an_empty_folder_or_to_none_yet_is_followed(tmp_path, there):
    disk = tmp_path / "disk"
    disk.mkdir()
    if there:
        (disk / "shop").mkdir()
    (tmp_path / "link").symlink_to(disk / "shop")
    assert run("--orders", 10, "--out", tmp_path / "link").returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert (disk / "shop/orders").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]


def test_a_working_directory_that_is_gone_is_an_error(tmp_path):
    leave = "mkdir gone && cd gone && rmdir ../gone && exec"
    command = f"{leave} {shlex.join(MODULE)} --orders 10 --out shop"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: shop cannot be written: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_tilde_the_shell_has_left_is_the_home_directory(tmp_path):
    done = run("--orders", 10, "--out=~/shop", cwd=tmp_path, env=os.environ | {"HOME": str(tmp_path / "home")})
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize("what", [["--out", "shop"], ["--describe"]])
@pytest.mark.parametrize(
    ("redirected", "status", "said"),
    [
        ("| exec 0<&-", 0, ""),
        ("> /dev/full", 1, "error: standard output cannot be written: No space left on device. It would have been: "),
        (">&-", 0, ""),
        ("2>&-", 0, ""),
    ],
)
def test_an_output_that_cannot_be_written_is_told_and_the_folder_is_there(tmp_path, what, redirected, status, said):
    command = f"{shlex.join(MODULE)} --orders 10 {shlex.join(what)} {redirected}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stderr.startswith(said)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "shop").exists() == ("--out" in what)


def test_a_database_that_may_not_be_written_is_an_error_with_a_remedy():
    with small_disk(os.geteuid(), megabytes=32) as disk:
        arguments = ["--orders", 100, "--format", "duckdb", "--out", disk]
        assert run(*arguments).returncode == 0
        make_read_only(disk)
        done = run(*arguments)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"error: {disk}/shop.duckdb: writing is not permitted.")


@pytest.mark.parametrize("file_format", ["parquet", "csv", "arrow", "duckdb", "iceberg"])
def test_a_full_disk_is_an_error_with_a_remedy_and_leaves_nothing_half_done(tmp_path, file_format):
    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    # The limit is that of one file: an Iceberg table has one per batch.
    what = ["--orders", 20_000, *(["--batch-size", 20_000] if file_format == "iceberg" else [])]
    done = run(*what, "--format", file_format, "--out", tmp_path / "shop", preexec_fn=little_room)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert "disk is full" in done.stderr
    if file_format not in {"duckdb", "iceberg"}:
        assert list(tmp_path.iterdir()) == []


def test_batches_in_folders_of_their_own_are_not_limited_by_how_many_files_may_be_open(tmp_path):
    few_files = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (64, 64))
    what = ["--orders", 2000, "--batch-size", 20, "--partition-by-batch", "--workers", 2]
    done = run(*what, "--out", tmp_path / "shop", preexec_fn=few_files)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "shop/orders").glob("batch=*/part-00000.parquet"))) == 100


def test_a_killed_run_leaves_no_folder(tmp_path):
    command = [*MODULE, "--orders", "3000000", "--out", str(tmp_path / "shop")]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(tmp_path.rglob("*.parquet")):
        time.sleep(0.02)
    running.kill()
    running.wait()
    assert not (tmp_path / "shop").exists()


STOPS = [
    (signal.SIGINT, 130, "interrupted: "),
    (signal.SIGTERM, 143, "terminated: "),
    (signal.SIGHUP, 129, "terminated: "),
]


def listening():
    """A shell starts background jobs, such as a nightly run, deaf to some signals, and their children inherit that."""
    for number, _, _ in STOPS:
        signal.signal(number, signal.SIG_DFL)


def started(*arguments):
    command = [*MODULE, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, preexec_fn=listening, **pipes)  # noqa: PLW1509 - there are no other threads


def until(condition, running):
    while not condition():
        assert running.poll() is None
        time.sleep(0.02)


@pytest.mark.parametrize(("stop", "status", "beginning"), STOPS)
def test_an_interrupted_run_cleans_up_and_says_so(tmp_path, stop, status, beginning):
    running = started("--orders", 30_000_000, "--out", tmp_path / "shop")
    until(lambda: list(tmp_path.rglob("*.parquet")), running)
    running.send_signal(stop)
    _, said = running.communicate(timeout=60)
    assert running.returncode == status
    assert said.startswith(beginning)
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("stop", "status", "beginning"), STOPS)
def test_an_interrupted_run_leaves_a_database_with_whole_batches(tmp_path, stop, status, beginning):
    size = 20_000
    target = tmp_path / "shop"
    running = started("--orders", 30_000_000, "--batch-size", size, "--format", "duckdb", "--out", target)
    written = target / "shop.duckdb.wal"
    until(lambda: written.exists() and written.stat().st_size, running)
    running.send_signal(stop)
    _, said = running.communicate(timeout=60)
    assert running.returncode == status, said
    assert said.startswith(beginning)
    assert len(said.splitlines()) == 1
    with duckdb.connect(str(target / "shop.duckdb")) as connection:
        (batches,) = connection.sql("SELECT count(*) FROM _batches").fetchone()
        for table in ("orders", "order_items"):
            found = connection.sql(f"SELECT count(DISTINCT _batch_id), count(DISTINCT order_id) FROM {table}")
            assert found.fetchone() == (batches, batches * size)


def test_what_a_killed_run_has_left_is_removed_by_the_next_into_the_same_place(tmp_path):
    (tmp_path / ".shop.mine.partial").mkdir()
    killed = started("--orders", 30_000_000, "--out", tmp_path / "shop")
    until(lambda: list(tmp_path.rglob("*.parquet")), killed)
    killed.kill()
    killed.communicate()
    assert (tmp_path / f".shop.{killed.pid}.partial").exists()
    assert run("--orders", 100, "--out", tmp_path / "another").returncode == 0
    assert (tmp_path / f".shop.{killed.pid}.partial").exists()
    assert run("--orders", 100, "--out", tmp_path / "shop").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".shop.mine.partial", "another", "shop"]


def test_what_another_run_is_filling_is_not_removed(tmp_path):
    other = started("--orders", 30_000_000, "--out", tmp_path / "shop")
    try:
        until(lambda: list(tmp_path.rglob("*.parquet")), other)
        other.send_signal(signal.SIGSTOP)
        assert run("--orders", 100, "--out", tmp_path / "shop").returncode == 0
        assert list(tmp_path.glob(f".shop.{other.pid}.partial/*/*.parquet"))
    finally:
        other.kill()
        other.communicate()


def test_a_catalog_that_is_not_configured_is_an_error_that_says_where_to(tmp_path):
    done = run("--orders", 10, "--format", "iceberg", "--catalog", "nope", cwd=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: --catalog nope: ")
    assert ".pyiceberg.yaml" in done.stderr
    assert "PYICEBERG_CATALOG__NOPE__URI" in done.stderr


@pytest.mark.parametrize(
    "settings", [{"URI": "http://127.0.0.1:9"}, {"URI": "gopher://x"}, {"URI": "x", "TYPE": "none"}, {"TYPE": "rest"}]
)
def test_a_catalog_that_cannot_be_opened_is_an_error_that_names_it(settings):
    variables = os.environ | {f"PYICEBERG_CATALOG__MINE__{name}": value for name, value in settings.items()}
    done = run("--orders", 10, "--format", "iceberg", "--catalog", "mine", env=variables)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: --catalog mine: PyIceberg cannot open it: ")


def test_a_catalog_is_target_enough(tmp_path):
    place = {"TYPE": "sql", "URI": f"sqlite:///{tmp_path}/catalog.sqlite", "WAREHOUSE": f"file://{tmp_path}"}
    variables = os.environ | {f"PYICEBERG_CATALOG__MINE__{name}": value for name, value in place.items()}
    what = ["--orders", 10, "--format", "iceberg", "--catalog", "mine", "--namespace", "raw"]
    done = run(*what, env=variables)
    assert done.returncode == 0, done.stderr
    assert " to namespace raw of Iceberg catalog mine; 1 batches appended; " in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog.sqlite", "raw"]


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("numpy", ["--help"], "synthetic"),
        ("pyarrow", ["--orders", "10", "--out", "shop"], "synthetic"),
        ("duckdb", ["--orders", "10", "--format", "duckdb", "--out", "shop"], "duckdb"),
        ("pyiceberg", ["--orders", "10", "--format", "iceberg", "--out", "shop"], "iceberg"),
    ],
)
def test_a_library_that_is_not_installed_is_an_error_with_its_extra(tmp_path, missing, arguments, extra):
    module = "runpy.run_module('pytest_floe.synthetic', run_name='__main__', alter_sys=True)"
    code = f"import runpy, sys; sys.modules[{missing!r}] = None; {module}"
    command = [sys.executable, "-c", code, "generate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: {missing} is not installed: pip install 'pytest-floe[{extra}]'\n"
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_terminal_is_closed_cleans_up(tmp_path):
    def on_a_terminal_of_its_own():
        listening()
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    ours, theirs = pty.openpty()
    command = [*MODULE, "--orders", "30000000", "--orders-per-file", "20000", "--out", str(tmp_path / "shop")]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with subprocess.Popen(command, preexec_fn=on_a_terminal_of_its_own, **streams) as running:  # noqa: PLW1509 - as above
        os.close(theirs)
        until(lambda: list(tmp_path.rglob("*.parquet")), running)
        os.close(ours)
        assert running.wait(timeout=60) == 128 + signal.SIGHUP
    assert list(tmp_path.iterdir()) == []


def test_a_bar_is_drawn_on_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    command = [*MODULE, "--orders", "600000", "--orders-per-file", "20000", "--out", str(tmp_path / "shop")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as running:
        os.close(theirs)
        seen = b""
        while b"orders" not in seen and (running.poll() is None or select.select([ours], [], [], 0)[0]):
            if select.select([ours], [], [], 0.05)[0]:
                seen += os.read(ours, 4096)
        running.kill()
    os.close(ours)
    assert b"%" in seen
    assert b"#" in seen
