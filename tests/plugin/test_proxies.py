"""The variables of the environment that exempt hosts from its proxies."""

import os

import pytest

from pytest_floe.proxies import proxy_for, without_proxy


@pytest.mark.parametrize("exempt", [{}, {"no_proxy": "a.example"}, {"NO_PROXY": "a.example"}], ids=" ".join)
def test_a_host_is_exempt_for_a_while_beside_those_that_are(monkeypatch, exempt):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"http_proxy": "http://proxy.example:3128", **exempt}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)

    with without_proxy("127.0.0.1"):
        assert proxy_for("http", "127.0.0.1") is None
        assert (proxy_for("http", "a.example") is None) == bool(exempt)
        assert proxy_for("http", "b.example") is not None

    assert dict(os.environ) == before
