"""A scratch namespace with a table: created, loaded, compared and dropped through an Iceberg REST catalog."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial

from pytest_floe import Probe, shortened

from .iceberg_catalog import SCHEMA, SIGNATURE, Catalog, Levels
from .iceberg_refusals import Refusals
from .leftovers import in_time
from .rest import Json, RefusedError

_PREFIX = "floe-preflight-"
_FORBIDDEN = 403


class Scratch:
    """Writes under the namespace ``parent``; ``again`` opens the catalog anew, for removals after all else."""

    def __init__(
        self,
        probe: Probe,
        catalog: Catalog,
        again: Callable[[], AbstractContextManager[Catalog]],
        parent: Levels,
        refusals: Refusals,
    ) -> None:
        self._probe = probe
        self._catalog = catalog
        self._again = again
        self._parent = tuple(parent)
        self._refusals = refusals
        self._namespace = (*parent, probe.canary_name("namespace"))
        self._table = probe.canary_name("table")

    def verify(self) -> None:
        """Walk the steps; each lacking privilege is told apart."""
        self._sweep()
        self._create()
        self._load()
        self._drop()

    def _create(self) -> None:
        denied = "authorize.write_denied"
        self._scratch_namespace = self._probe.canary(".".join(self._namespace), self._remove_namespace)
        with self._probe.step("operate.create_namespace", self._refusals.of("NAMESPACE_CREATE", denied)):
            self._catalog.create_namespace(self._namespace, self._probe.signature)
            self._scratch_namespace.made()
        self._scratch_table = self._probe.canary(".".join((*self._namespace, self._table)), self._remove_table)
        with self._probe.step("operate.create_table", self._refusals.of("TABLE_CREATE", denied)):
            self._catalog.create_table(self._namespace, self._table, self._probe.signature)
            self._scratch_table.made()

    def _load(self) -> None:
        explain = self._refusals.of("TABLE_READ_PROPERTIES", "authorize.read_denied")
        with self._probe.step("operate.read", explain):
            found = _essence(self._catalog.load_table(self._namespace, self._table))
            wanted = (self._probe.signature, [field["name"] for field in SCHEMA["fields"]])
            if found != wanted:
                message = f"created a table with {wanted}, loaded one with {found}"
                self._probe.fail("operate.wrong_content", shortened(message), f"table {self._scratch_table.name}")

    def _drop(self) -> None:
        with self._probe.step("operate.drop_table", self._refusals.of_dropping("TABLE")):
            self._scratch_table.remove()
        with self._probe.step("operate.drop_namespace", self._refusals.of_dropping("NAMESPACE")):
            self._scratch_namespace.remove()

    def _remove_namespace(self) -> None:
        with self._again() as catalog:
            catalog.drop_namespace(self._namespace)
            if catalog.has_namespace(self._namespace):
                message = "the namespace is still there after it was dropped"
                self._probe.fail("operate.not_removed", message, ".".join(self._namespace))

    def _remove_table(self) -> None:
        with self._again() as catalog:
            self._drop_whole(catalog, self._namespace, self._table)

    def _drop_whole(self, catalog: Catalog, namespace: Levels, table: str) -> None:
        """Drop a table with its files, or without where the catalog allows no purging (Polaris' default)."""
        try:
            catalog.drop_table(namespace, table)
        except RefusedError as refused:
            if refused.status != _FORBIDDEN:
                raise
            location = str(catalog.load_table(namespace, table).get("location"))
            catalog.drop_table(namespace, table, purge=False)
            self._probe.warn(
                "operate.not_removed", f"the table was dropped, but its files were not purged: {refused}", location
            )

    def _sweep(self) -> None:
        """Remove what crashed runs left; what belongs to someone else is left alone."""
        with self._probe.step("operate.sweep", self._refusals.of("NAMESPACE_LIST", "authorize.list_denied")):
            listed = list(self._catalog.namespaces(self._parent))
            for levels in in_time(self._probe, [levels for levels in listed if levels[-1].startswith(_PREFIX)]):
                with suppress(RefusedError):
                    self._sweep_one(levels)

    def _sweep_one(self, levels: Levels) -> None:
        def remove() -> None:
            for table in list(self._catalog.tables(levels)):
                self._drop_whole(self._catalog, levels, table)
            self._catalog.drop_namespace(levels)

        signature = self._catalog.properties(levels).get(SIGNATURE)
        if signature is None:
            self._sweep_tables(levels)
        self._probe.sweep(
            levels[-1], str(signature), remove, self._refusals.of_dropping("NAMESPACE"), address=".".join(levels)
        )

    def _sweep_tables(self, namespace: Levels) -> None:
        """Remove signed tables from a namespace that is unsigned: some catalogs make one anew for a belated table."""
        for table in [name for name in self._catalog.tables(namespace) if name.startswith(_PREFIX)]:
            signature, _ = _essence(self._catalog.load_table(namespace, table))
            drop = partial(self._drop_whole, self._catalog, namespace, table)
            where = ".".join((*namespace, table))
            self._probe.sweep(table, str(signature), drop, self._refusals.of_dropping("TABLE"), address=where)


def _essence(metadata: Json) -> tuple[object, list[object]]:
    """Return signature and column names of a table's metadata."""
    schemas = {schema["schema-id"]: schema for schema in metadata["schemas"]}
    fields = schemas[metadata["current-schema-id"]]["fields"]
    return metadata["properties"].get(SIGNATURE), [field["name"] for field in fields]
