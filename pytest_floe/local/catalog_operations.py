"""What the catalog does: the operations of the Iceberg REST specification on PyIceberg's SQL catalog."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableRequest, Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import AssertCreate
from pyiceberg.typedef import Identifier

#: Separates the levels of a namespace in a path (Iceberg REST specification, parameter ``namespace``).
LEVELS = "\x1f"
_SECRET_PROPERTIES = ("access-key", "secret", "token", "password")

Answer = dict[str, Any] | None


@dataclass(frozen=True)
class Call:
    """One request, without what is HTTP's: parts of the path, query, body."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: dict[str, Any]

    @property
    def namespace(self) -> Identifier:
        """The namespace of the path."""
        return tuple(self.path["namespace"].split(LEVELS))

    @property
    def table(self) -> Identifier:
        """The table of the path, with its namespace."""
        return (*self.namespace, self.path["table"])


class _Name(Table):
    """The name of a table: all that SqlCatalog looks at in a commit, because it loads the current state itself."""

    def __init__(self, identifier: Identifier) -> None:
        self._identifier = identifier


class Operations:
    """One method for each operation; each returns the body of its answer, or None for an answer without one."""

    def __init__(self, catalog: SqlCatalog) -> None:
        self._catalog = catalog
        self._commits = threading.Lock()
        self._table_config = {
            name: value
            for name, value in catalog.properties.items()
            if name.startswith("s3.") and not any(word in name for word in _SECRET_PROPERTIES)
        }

    # Namespaces

    def list_namespaces(self, call: Call) -> Answer:
        parent = call.query.get("parent")
        found = self._catalog.list_namespaces(tuple(parent.split(LEVELS)) if parent else ())
        return {"namespaces": sorted(found)}

    def create_namespace(self, call: Call) -> Answer:
        namespace, properties = tuple(call.body["namespace"]), call.body.get("properties") or {}
        self._catalog.create_namespace(namespace, properties)
        return {"namespace": namespace, "properties": properties}

    def load_namespace(self, call: Call) -> Answer:
        properties = self._catalog.load_namespace_properties(call.namespace)
        return {"namespace": call.namespace, "properties": dict(properties)}

    def namespace_exists(self, call: Call) -> Answer:
        self._need_namespace(call.namespace)
        return None

    def drop_namespace(self, call: Call) -> Answer:
        self._catalog.drop_namespace(call.namespace)
        return None

    def update_namespace(self, call: Call) -> Answer:
        removals, updates = set(call.body.get("removals") or ()), call.body.get("updates") or {}
        summary = self._catalog.update_namespace_properties(call.namespace, removals, updates)
        return {"removed": summary.removed, "updated": summary.updated, "missing": summary.missing}

    # Tables

    def list_tables(self, call: Call) -> Answer:
        self._need_namespace(call.namespace)
        found = sorted(self._catalog.list_tables(call.namespace))
        return {"identifiers": [{"namespace": table[:-1], "name": table[-1]} for table in found]}

    def create_table(self, call: Call) -> Answer:
        self._need_namespace(call.namespace)
        spec, order = call.body.get("partition-spec"), call.body.get("write-order")
        arguments: dict[str, Any] = {
            "identifier": (*call.namespace, call.body["name"]),
            "schema": Schema.model_validate(call.body["schema"]),
            "location": call.body.get("location"),
            "partition_spec": PartitionSpec.model_validate(spec) if spec else UNPARTITIONED_PARTITION_SPEC,
            "sort_order": SortOrder.model_validate(order) if order else UNSORTED_SORT_ORDER,
            "properties": call.body.get("properties") or {},
        }
        if call.body.get("stage-create"):
            return self._loaded(self._catalog.create_table_transaction(**arguments).table_metadata, None)
        return self._described(self._catalog.create_table(**arguments))

    def load_table(self, call: Call) -> Answer:
        return self._described(self._catalog.load_table(call.table))

    def table_exists(self, call: Call) -> Answer:
        self._catalog.load_table(call.table)
        return None

    def drop_table(self, call: Call) -> Answer:
        purge = call.query.get("purgeRequested", "false").lower() == "true"
        (self._catalog.purge_table if purge else self._catalog.drop_table)(call.table)
        return None

    def rename_table(self, call: Call) -> Answer:
        self._catalog.rename_table(_identifier(call.body["source"]), _identifier(call.body["destination"]))
        return None

    def commit_table(self, call: Call) -> Answer:
        address = {"namespace": call.namespace, "name": call.path["table"]}
        (committed,) = self._commit([CommitTableRequest.model_validate({**call.body, "identifier": address})])
        return committed

    def commit_transaction(self, call: Call) -> Answer:
        self._commit([CommitTableRequest.model_validate(change) for change in call.body["table-changes"]])
        return None

    def report_metrics(self, _call: Call) -> Answer:
        return None

    def _commit(self, changes: list[CommitTableRequest]) -> list[dict[str, Any]]:
        """Commit all changes or, if a requirement of one is not met, none: no other commit comes in between."""
        with self._commits:
            for change in changes:
                self._check(change)
            return [self._apply(change) for change in changes]

    def _check(self, change: CommitTableRequest) -> None:
        identifier = _identifier_of(change)
        self._need_namespace(identifier[:-1])
        creates = any(isinstance(requirement, AssertCreate) for requirement in change.requirements)
        try:
            current: TableMetadata | None = self._catalog.load_table(identifier).metadata
        except NoSuchTableError:
            if not creates:
                raise
            current = None
        for requirement in change.requirements:
            requirement.validate(current)

    def _apply(self, change: CommitTableRequest) -> dict[str, Any]:
        committed = self._catalog.commit_table(_Name(_identifier_of(change)), change.requirements, change.updates)
        return _as_json(committed.metadata, committed.metadata_location)

    def _described(self, table: Table) -> dict[str, Any]:
        return self._loaded(table.metadata, table.metadata_location)

    def _loaded(self, metadata: TableMetadata, location: str | None) -> dict[str, Any]:
        return {**_as_json(metadata, location), "config": self._table_config}

    def _need_namespace(self, namespace: Identifier) -> None:
        if not self._catalog.namespace_exists(namespace):
            raise NoSuchNamespaceError(f"Namespace does not exist: {'.'.join(namespace)}")


def _as_json(metadata: TableMetadata, location: str | None) -> dict[str, Any]:
    return {"metadata-location": location, "metadata": metadata.model_dump(mode="json")}


def _identifier(address: dict[str, Any]) -> Identifier:
    return (*address["namespace"], address["name"])


def _identifier_of(change: CommitTableRequest) -> Identifier:
    return (*change.identifier.namespace.root, change.identifier.name)
