"""The table that shows whether a lakehouse works: made, found again by others, and dropped with all its files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pytest_floe import Probe

from .iceberg_catalog import SIGNATURE, Catalog, Levels
from .iceberg_login import Login
from .lakehouse_files import Files
from .leftovers import in_time, sweeping
from .rest import Json, RefusedError
from .scratch_table import Explain

_PREFIX = "floe-preflight-"
_FORBIDDEN, _NOT_FOUND = 403, 404


class CanaryTable:
    """A table in the namespace ``parent``, or, without one, in a namespace made for it."""

    def __init__(self, probe: Probe, login: Login, files: Files, parent: Levels) -> None:
        self._probe = probe
        self._login = login
        self._files = files
        self._owns_namespace = not parent
        self.levels = tuple(parent) or (probe.canary_name("lakehouse"),)
        self.name = probe.canary_name("table")
        self.location = ""
        self.written: tuple[str, ...] = ()

    def create(self) -> None:
        """Create the table, and note where the catalog puts it."""
        denied, of = "authorize.write_denied", self._login.refusals.of
        if self._owns_namespace:
            self._namespace = self._probe.canary(".".join(self.levels), self._remove_namespace)
            with self._probe.step("operate.create_namespace", of("NAMESPACE_CREATE", denied)):
                self._login.catalog.create_namespace(self.levels, self._probe.signature)
                self._namespace.made()
        self._table = self._probe.canary(".".join((*self.levels, self.name)), self._remove_table)
        missing = f"namespace {'.'.join(self.levels)}"
        with self._probe.step("operate.create", of("TABLE_CREATE", denied, missing)):
            self._login.catalog.create_table(self.levels, self.name, self._probe.signature)
            self._table.made()
            self.location = str(self.metadata()["location"])

    def metadata(self) -> Json:
        """Return what the catalog says of the table."""
        return self._login.catalog.load_table(self.levels, self.name)

    def drop(self) -> None:
        """Drop the table, and see that neither the catalog nor the storage has anything of it any more."""
        with self._probe.step("operate.drop", self._dropping_table(self.location)):
            self._table.remove()
        if self._owns_namespace:
            with self._probe.step("operate.drop_namespace", self._login.refusals.of_dropping("NAMESPACE")):
                self._namespace.remove()

    def _dropping_table(self, location: str) -> Explain:
        of_files, of_catalog = self._files.explain_deleting(location), self._login.refusals.of_dropping("TABLE")
        return lambda error: of_catalog(error) or of_files(error)

    def sweep(self) -> None:
        """Remove what crashed runs left; what belongs to someone else is left alone."""
        missing = f"namespace {'.'.join(self.levels)}"
        explain = self._login.refusals.of("TABLE_LIST", "authorize.list_denied", missing)
        with self._probe.step("operate.sweep", explain):
            for levels in in_time(self._probe, list(self._swept_namespaces())):
                names = [name for name in self._login.catalog.tables(levels) if name.startswith(_PREFIX)]
                with sweeping(self._probe):
                    self._sweep_namespace(levels, names)

    def _swept_namespaces(self) -> Iterator[Levels]:
        if not self._owns_namespace:
            yield self.levels
            return
        yield from (levels for levels in self._login.catalog.namespaces() if levels[-1].startswith(_PREFIX))

    def _sweep_namespace(self, levels: Levels, names: list[str]) -> None:
        catalog = self._login.catalog
        for name in in_time(self._probe, names):
            table = catalog.load_table(levels, name)
            signature, where = str(table["properties"].get(SIGNATURE)), ".".join((*levels, name))
            drop, explain = partial(self._drop_whole, catalog, levels, name), self._dropping_table(table["location"])
            self._probe.sweep(name, signature, drop, explain, address=where)
        if self._owns_namespace:
            signature, remove = str(catalog.properties(levels).get(SIGNATURE)), partial(catalog.drop_namespace, levels)
            self._probe.sweep(
                levels[-1], signature, remove, self._login.refusals.of_dropping("NAMESPACE"), address=".".join(levels)
            )

    def _remove_namespace(self) -> None:
        with self._login.again() as catalog:
            catalog.drop_namespace(self.levels)

    def _remove_table(self) -> None:
        with self._login.again() as catalog:
            removed = self._drop_whole(catalog, self.levels, self.name, self.written)
            self._probe.fact(files_left_by_the_catalog=removed)

    def _drop_whole(self, catalog: Catalog, levels: Levels, name: str, written: tuple[str, ...] = ()) -> int:
        """Drop a table; remove the files that the catalog does not, or not at once, and return their number."""
        try:
            location = str(catalog.load_table(levels, name)["location"])
        except RefusedError as refused:
            if refused.status != _NOT_FOUND:
                raise
            if name != self.name or not self.location:
                return 0
            location = self.location  # it was dropped, and something kept its files from being removed
        else:
            self._files.note_versions(written)
            self._drop_at_once(catalog, levels, name)
        return self._files.removed(location, name, written)

    def _drop_at_once(self, catalog: Catalog, levels: Levels, name: str) -> None:
        try:
            catalog.drop_table(levels, name)
        except RefusedError as refused:
            if refused.status != _FORBIDDEN:
                raise
            catalog.drop_table(levels, name, purge=False)  # Polaris allows no purging by default
