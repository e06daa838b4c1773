"""PgBouncer in front of PostgreSQL: it says all that it refuses with one SQLSTATE, that of a violated protocol."""

from __future__ import annotations

import struct

from tests.faults.cell import Cell
from tests.faults.cells.postgres_path import IN_CLEAR, played
from tests.faults.server import Move, hear, say

#: AuthenticationOk, a ParameterStatus, ReadyForQuery: PgBouncer lets in before it has a connection to the server.
_LET_IN = b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x19client_encoding\0UTF8\0" + b"Z\0\0\0\x05I"


def refusing(text: str) -> Move:
    """Say what PgBouncer does before it hangs up."""
    fields = b"".join(key + value + b"\0" for key, value in ((b"S", b"FATAL"), (b"C", b"08P01"), (b"M", text.encode())))
    return say(b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0")


def cell(fault: str, at: str, *moves: Move, cause: str, remedy: str, step: str = "authenticate") -> Cell:
    return played(
        fault, hear, *moves, cause=cause, step=step, remedy=remedy, at=at, server="PgBouncer", twin=IN_CLEAR,
        settings={"sslmode": "disable"},
    )  # fmt: skip


CELLS = [
    cell("wrong-secret", "PgBouncer", refusing("SASL authentication failed"), cause="authenticate.rejected",
         remedy="credentials of role {user} at {address}"),
    cell("wrong-secret", "PgBouncer with MD5", refusing("password authentication failed"),
         cause="authenticate.rejected", remedy="credentials of role {user} at {address}"),
    cell("no-database", "PgBouncer", refusing("no such database: dagster"), cause="operate.not_found",
         remedy="database dagster at {address}"),
    cell("no-connections", "PgBouncer", refusing("no more connections allowed (max_client_conn)"),
         cause="operate.exhausted", remedy="free or raise the limit of {address}"),
    cell("no-connections", "PgBouncer, logging in", refusing("query_wait_timeout"), cause="operate.exhausted",
         remedy="free or raise the limit of {address}"),
    cell("no-connections", "pool of PgBouncer", say(_LET_IN), hear, refusing("query_wait_timeout"),
         cause="operate.exhausted", remedy="free or raise the limit of {address}", step="operate.begin"),
]  # fmt: skip
