"""Logging in to an Iceberg REST catalog, as every check that uses one does."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial

from pytest_floe import Probe

from .iceberg_catalog import Catalog
from .iceberg_refusals import Refusals
from .oauth2 import fetch_token
from .polaris_settings import PolarisSettings
from .rest import Rest
from .scratch_table import REMOVAL_SECONDS


@dataclass
class Login:
    """A ``catalog`` that lets us in. ``again`` opens it anew: a removal must work after the check's end, too.

    ``token`` is the bearer token in use, if there is one, ``fetch`` gets another.
    """

    catalog: Catalog
    refusals: Refusals
    again: Callable[[], AbstractContextManager[Catalog]]
    token: str | None = field(repr=False)
    fetch: Callable[[], str | None] = field(repr=False)

    def await_needs(self, probe: Probe) -> None:
        """Wait until the targets that the check needs have ended; the token may end meanwhile, so get another."""
        waited = probe.waited
        probe.await_needs()
        if probe.waited > waited:
            self.token = self.fetch()
            self.catalog.bear(self.token)


@contextmanager
def logged_in(settings: PolarisSettings, probe: Probe) -> Iterator[Login]:
    """Reach the catalog and whoever issues tokens for it, and get one."""
    probe.reach_url(settings.uri, settings.ca_file)
    where = probe.address
    if settings.external_issuer:
        probe.reach_url(settings.external_issuer, settings.ca_file)
    issuer = probe.address
    httpx = probe.driver("httpx", "polaris")
    with probe.step("start"):
        trust = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
        open_rest = partial(Rest, httpx, trust, urls=settings.urls)
        rest = open_rest(probe.remaining)
    refusals = Refusals(settings.place, settings.who, settings.realm, anonymous=settings.anonymous)

    def fetch() -> str | None:
        probe.address = issuer
        token = _token(settings, probe, rest, refusals)
        probe.address = where  # from here on it is not the issuer that is asked
        return token

    with closing(rest):
        catalog, token = Catalog(rest, settings.uri, settings.realm_header), fetch()
        catalog.bear(token)
        yield Login(catalog, refusals, _reopening(open_rest, catalog), token, fetch)


def _token(settings: PolarisSettings, probe: Probe, rest: Rest, refusals: Refusals) -> str | None:
    if settings.issuer:
        realm = {} if settings.external_issuer else settings.realm_header
        otherwise = refusals.of("a token", "authorize.denied")
        return fetch_token(probe, rest, settings.issuer, realm, otherwise)
    return settings.token.get_secret_value() if settings.token else None


def _reopening(
    open_rest: Callable[[Callable[[], float]], Rest], catalog: Catalog
) -> Callable[[], AbstractContextManager[Catalog]]:
    @contextmanager
    def again() -> Iterator[Catalog]:
        with closing(open_rest(lambda: REMOVAL_SECONDS)) as rest:
            yield catalog.through(rest)

    return again
