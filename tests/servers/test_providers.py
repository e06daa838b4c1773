"""Which server a fixture gets, and what it says where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers import containers
from tests.servers.providers import Provider, Unavailable, first_that_serves, given


@pytest.fixture(autouse=True)
def _whatever_this_run_is_limited_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOE_TEST_SERVERS", raising=False)


def serving(name: str) -> Provider[str]:
    @contextmanager
    def provide() -> Iterator[str]:
        yield name

    return provide


def lacking(reason: str) -> Provider[str]:
    @contextmanager
    def provide() -> Iterator[str]:
        raise Unavailable(reason)
        yield

    return provide


def test_an_endpoint_comes_before_a_container_and_that_before_our_own() -> None:
    with first_that_serves("X", native=serving("n"), container=serving("c"), endpoint=serving("e")) as server:
        assert server == "e"
    with first_that_serves("X", native=serving("n"), container=serving("c"), endpoint=lacking("not set")) as server:
        assert server == "c"


def test_the_run_can_be_limited_to_some_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOE_TEST_SERVERS", "native")

    with first_that_serves("X", native=serving("n"), container=serving("c")) as server:
        assert server == "n"


def test_a_skip_says_all_that_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOE_TEST_SERVERS", "endpoint,native")
    with (
        pytest.raises(pytest.skip.Exception) as skipped,
        first_that_serves("MinIO", endpoint=lacking("X is not set"), container=serving("c"), native=lacking("no Go")),
    ):
        pass

    said = "no MinIO; tried endpoint: X is not set; container: not in FLOE_TEST_SERVERS; native: no Go"
    assert str(skipped.value) == said


def test_a_server_that_does_not_start_is_a_failure_and_no_reason_to_try_another() -> None:
    @contextmanager
    def broken() -> Iterator[str]:
        raise RuntimeError("did not come up")
        yield

    with (
        pytest.raises(RuntimeError, match="did not come up"),
        first_that_serves("X", container=broken, native=serving("n")),
    ):
        pass


def test_an_endpoint_is_an_address_with_credentials_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOE_TEST_X", "https://ro%40ot:s%2Fcret@lake.example:9443/base?ca_file=/etc/ca.pem")

    there = given("FLOE_TEST_X")

    assert (there.url, there.host, there.port) == ("https://lake.example:9443/base", "lake.example", 9443)
    assert (there.user, there.password, str(there.ca_file)) == ("ro@ot", "s/cret", "/etc/ca.pem")
    assert "s/cret" not in repr(there)


def test_no_engine_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")

    with pytest.raises(Unavailable, match="no container engine at unix:///"), containers.running("any"):
        pass
