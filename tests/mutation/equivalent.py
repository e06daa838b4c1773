"""Mutants that no server can tell from the original, each with the reason; the id is what a surviving mutant prints."""

from __future__ import annotations

_SWEEP = "what ends a sweep is noted and never a fault of this run, so there is no error to swallow"
_SAME_STEP = "what it lets through breaks the next statement, in the same step and with the same cause"
_STILL_FOUND = "the next operand breaks on what is no answer, and the diagnosis finds the error that it stood for"
_ABANDONED = "the runner abandons the check at the same deadline, with the same cause"
_AFTERWARDS = "it speaks when the verdict stands already, to name what may stay: cells that say so tell it by that"

EQUIVALENT: dict[str, str] = {
    "trino._sweep: step operate.sweep: swallowed": _SWEEP,
    "snowflake._sweep: step operate.sweep: swallowed": _SWEEP,
    "bigquery_dataset.BigQueryDataset._sweep: step operate.sweep: swallowed": _SWEEP,
    "object_storage._sweep: step operate.sweep: swallowed": _SWEEP,
    "duckdb_files.sweep: step operate.sweep_files: swallowed": _SWEEP,
    "rest.bounded: raise TimeoutError('the answer did not end in time'): assumed good": _ABANDONED,
    "object_storage._remove_written: raise Finding('operate.not_removed', 'it could not be read, so look for it on"
    " every server behind th: assumed good": _AFTERWARDS,
    "object_storage.Bucket.look: refusal is None: assumed good": _STILL_FOUND,
    "s3_bucket.S3Bucket._delete_versions: refusal is None: assumed good": _STILL_FOUND,
    "gcs_bucket.GcsBucket._delete: (refusal := _refusal(error)) is None: assumed good": _STILL_FOUND,
    "adls_bucket.Container.unless_missing: refusal is None: assumed good": _STILL_FOUND,
    "adls_hierarchical.Filesystem._remove_empty: refusal is None: assumed good": _STILL_FOUND,
    "adls_session.is_hierarchical: finding is None: assumed good": _STILL_FOUND,
    "iceberg_catalog.Catalog.configure: shape(answer, part, dict, url): assumed good": _SAME_STEP,
    "iceberg_catalog.Catalog.load_table: shape(self._send('GET', url), 'metadata', dict, url)"
    ": assumed good": _SAME_STEP,
    "oauth2.fetch_token: shape(answer, 'access_token', str, client.endpoint): assumed good": _SAME_STEP,
    "oauth2.fetch_token: shape(answer, 'token_type', str, client.endpoint): assumed good": _SAME_STEP,
    "postgres_state.see_primary: probe.fail('operate.read_only', 'the server is in recovery: it is a replica', where)"
    ": assumed good": "transactions of a replica are read-only, which the same step finds next, with the same cause",
    "snowflake.verify: not settings.database: assumed good": "settings refuse a schema without its database",
}
