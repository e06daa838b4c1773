"""Polaris, and any other Iceberg REST catalog: does it let us in, list, and keep a table?

Protocol: https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pytest_floe import Plan, Probe, check

from .iceberg_catalog import Catalog, Levels
from .iceberg_login import logged_in
from .iceberg_refusals import Refusals
from .iceberg_scratch import Scratch
from .polaris_settings import PolarisSettings
from .rest import RefusedError
from .scratch_table import PATTERN

_BAD_REQUEST, _NOT_FOUND = 400, 404


def plan(settings: PolarisSettings) -> Plan:
    """Say what the check would touch."""
    scratch = ".".join((*settings.levels, PATTERN))
    privileges = ["NAMESPACE_LIST", *(["TABLE_LIST"] if settings.namespace else [])]
    if settings.write:
        privileges += ["NAMESPACE_CREATE", "NAMESPACE_DROP", "TABLE_CREATE", "TABLE_READ_PROPERTIES", "TABLE_DROP"]
    catalog, issuer = urlsplit(settings.uri), settings.external_issuer
    return Plan(
        endpoint=f"{catalog.netloc}{catalog.path}".rstrip("/"),
        connects=tuple(f"{u.scheme}://{u.netloc}" for u in (catalog, *([urlsplit(issuer)] if issuer else []))),
        principal=settings.client_id if settings.issuer else None,
        reads=("/v1/config", f"namespaces of {settings.place}"),
        creates=(f"namespace {scratch}", f"table {scratch}.{PATTERN}") if settings.write else (),
        needs=tuple(f"{privilege} on {settings.place} to {settings.who}" for privilege in privileges),
    )


@check("catalog", "polaris", settings=PolarisSettings, plan=plan)
def verify(settings: PolarisSettings, probe: Probe) -> None:
    """Get a token, read the configuration, list, and with ``write`` make and drop a namespace with a table."""
    with logged_in(settings, probe) as login:
        if not _configured(settings, probe, login.catalog, login.refusals):
            return
        done = _listed(settings, probe, login.catalog, login.refusals)
        if probe.write:
            login.await_needs(probe)
            Scratch(probe, login.catalog, login.again, settings.levels, login.refusals).verify()
            done += ", table created and dropped"
        probe.ok(done + _validity(probe))


def _configured(settings: PolarisSettings, probe: Probe, catalog: Catalog, refusals: Refusals) -> bool:
    """Read the configuration of the warehouse; without one, tell whether the catalog has a default."""
    explain = refusals.of("access", "authorize.denied", f"warehouse {settings.warehouse}")
    if not settings.warehouse:
        probe.warn("config.object_not_given", "no warehouse is given, so none was verified", "polaris.warehouse")
    with probe.step("operate.config", explain):
        try:
            catalog.configure(settings.warehouse)
        except RefusedError as refused:
            if settings.warehouse or refused.status not in (_BAD_REQUEST, _NOT_FOUND):
                raise
            probe.ok(f"logged in{_validity(probe)}")
            return False
    if settings.issuer:
        probe.principal(settings.issuer.client_id)
    return True


def _listed(settings: PolarisSettings, probe: Probe, catalog: Catalog, refusals: Refusals) -> str:
    """List namespaces and, where one is given, its tables; return how many there are."""
    with probe.step("authorize.list", refusals.of("NAMESPACE_LIST", "authorize.list_denied")):
        count = sum(1 for _ in catalog.namespaces())
        probe.fact(namespaces=count)
    if settings.namespace:
        missing = f"namespace {settings.namespace}"
        with probe.step("authorize.list_tables", refusals.of("TABLE_LIST", "authorize.list_denied", missing)):
            tables = sum(1 for _ in catalog.tables(settings.levels))
            if not tables and _is_missing(catalog, settings.levels):
                probe.fail("operate.not_found", f"there is no {missing}", missing)
            probe.fact(tables=tables)
    return f"{count:,} namespace{'' if count == 1 else 's'}"


def _is_missing(catalog: Catalog, namespace: Levels) -> bool:
    """Tell whether ``namespace`` is known not to be there: Nessie lists no tables in it, instead of refusing to."""
    try:
        return not catalog.has_namespace(namespace)
    except RefusedError:  # to look at it takes another privilege than to list it
        return False


def _validity(probe: Probe) -> str:
    seconds = probe.facts.get("token_valid_seconds")
    return f", token valid {seconds:,} s" if seconds else ""
