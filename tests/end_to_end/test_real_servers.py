"""An environment made of real servers: ready as a whole, and with one fault, one finding with its cause."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Finished
from tests.end_to_end.real import BEHIND_TLS, TARGETS, RealEnvironment, Servers


@pytest.fixture(scope="session")
def servers(lakehouse, minio_tls, postgres_tls, gcs_server, azurite, certificates) -> Servers:
    return Servers(lakehouse, minio_tls, postgres_tls, gcs_server, azurite, certificates)


@pytest.fixture
def environment(servers: Servers) -> Iterator[RealEnvironment]:
    environment = RealEnvironment(servers)
    yield environment
    environment.restore()


def found(done: Finished) -> dict[str, tuple[str, str | None]]:
    """Return status and cause of each target, by kind."""
    checks = done.report["checks"]
    return {check["details"]["kind"]: (check["status"], check["details"]["cause"]) for check in checks}


def assert_one_finding(done: Finished, target: str, cause: str) -> None:
    """The target has the finding; all others are ok, or blocked by this target and nothing else."""
    assert done.status == 1, done.output
    told = found(done)
    assert told.pop(target) == ("error", cause), done.output
    identity = {check["details"]["kind"]: check["details"]["target"] for check in done.report["checks"]}[target]
    for check in done.report["checks"]:
        if check["details"]["cause"] == "blocked":
            assert check["details"]["blocked_by"] == [identity]
            del told[check["details"]["kind"]]
    assert set(told.values()) == {("ok", None)}, done.output


def test_the_whole_is_ready(environment: RealEnvironment, tmp_path: Path) -> None:
    done = environment.run(tmp_path)

    assert done.status == 0, done.output
    assert found(done) == dict.fromkeys(TARGETS, ("ok", None))
    assert {check["details"]["scope"] for check in done.report["checks"]} == {"read-write"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_revoked_grant(environment: RealEnvironment, tmp_path: Path, target: str) -> None:
    environment.revoke_writing(target)

    assert_one_finding(environment.run(tmp_path), target, "authorize.write_denied")


@pytest.mark.parametrize("target", TARGETS)
def test_a_server_that_is_stopped(environment: RealEnvironment, tmp_path: Path, target: str) -> None:
    assert_one_finding(environment.run(tmp_path, stopped=target), target, "connect.refused")


@pytest.mark.parametrize("target", BEHIND_TLS)
def test_a_certificate_that_expired(environment: RealEnvironment, tmp_path: Path, target: str) -> None:
    assert_one_finding(environment.run(tmp_path, expired=target), target, "tls.expired")
