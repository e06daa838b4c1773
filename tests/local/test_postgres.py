"""The embedded PostgreSQL, through psycopg."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from pytest_floe.local.configs import PostgresConfig
from pytest_floe.local.launch import StartError, running
from pytest_floe.local.platform import LocalPlatform


def connect(environment: dict[str, Any], **other: Any) -> psycopg.Connection[tuple[Any, ...]]:
    section = environment["postgres"]
    given = {
        "host": environment["postgres_host"],
        "port": environment["postgres_port"],
        "dbname": environment["postgres_database"],
        "user": section["user"],
        "password": section["password"].get_secret_value(),
        "sslmode": section["sslmode"],
        "connect_timeout": 5,
    }
    return psycopg.connect(**{**given, **other})


def test_the_workload_creates_writes_and_reads_a_table(environment: dict[str, Any]) -> None:
    with connect(environment) as connection:
        connection.execute("CREATE TABLE public.orders AS SELECT 7 AS id")
        assert connection.execute("SELECT id FROM orders").fetchall() == [(7,)]
        connection.rollback()


def test_the_workload_is_no_superuser_and_the_administrator_is(
    platform: LocalPlatform, environment: dict[str, Any]
) -> None:
    admin = platform.credentials.admin_postgres_password.get_secret_value()
    for login, expected in (({}, False), ({"user": "postgres", "password": admin}, True)):
        with connect(environment, **login) as connection:
            row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            assert row == (expected,)


@pytest.mark.parametrize("wrong", [{"password": "not it"}, {"user": "nobody-here"}, {"user": "postgres"}])
def test_wrong_credentials_are_rejected(environment: dict[str, Any], wrong: dict[str, str]) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(environment, **wrong)


def test_a_login_without_a_password_is_rejected(environment: dict[str, Any]) -> None:
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        connect(environment, password="", passfile="/dev/null")


def test_passwords_are_kept_as_scram_verifiers(platform: LocalPlatform, environment: dict[str, Any]) -> None:
    admin = platform.credentials.admin_postgres_password.get_secret_value()
    with connect(environment, user="postgres", password=admin) as connection:
        verifiers = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolcanlogin").fetchall()
    assert verifiers
    assert all(verifier.startswith("SCRAM-SHA-256$") for (verifier,) in verifiers)


def test_any_password_and_name_can_be_used() -> None:
    awkward = 'it\'s "q\\uoted"\nover two lines; --'
    config = PostgresConfig(user='da"gster', password=awkward, database="dag ster", admin_password=awkward)
    with running(config) as server:
        login = {"host": "127.0.0.1", "port": server.port, "dbname": "dag ster", "password": awkward}
        for user in ('da"gster', "postgres"):
            psycopg.connect(user=user, **login).close()


def test_a_server_that_does_not_start_says_why_in_its_own_words() -> None:
    config = PostgresConfig("floe", "secret-of-floe", "floe", "secret-of-admin", settings={"shared_buffers": "plenty"})
    with pytest.raises(StartError) as refused, running(config):
        pass
    assert refused.value.service == "postgres"
    assert 'invalid value for parameter "shared_buffers"' in str(refused.value)
    assert "secret-of" not in str(refused.value)
