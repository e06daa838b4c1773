"""One login to PostgreSQL, and what a refusal of it, or of a statement, means."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from pytest_floe import Finding, Probe

from .postgres_errors import PG_HBA, cause_of, refusal
from .scratch_table import Explain, Rows

_WHO = "SELECT session_user, current_database(), current_setting('server_version')"


class Login:
    """A connection with its only transaction, which is never committed.

    ``role``, ``database`` and ``version`` are what the server says. ``where`` is host and port, ``parameters`` are
    libpq's. Raises Finding if the login fails.
    """

    def __init__(self, probe: Probe, psycopg: ModuleType, where: str, parameters: dict[str, Any]) -> None:
        self._psycopg = psycopg
        self._where = where
        self._parameters = parameters
        with probe.step("authenticate", self._explain_login):
            self._connection = psycopg.connect(**parameters)
            self.took_password: bool = self._connection.pgconn.used_password
        with probe.step("operate.begin", self.explain()):
            # The transaction's own time-out, so that a connection pooler hands it to nobody else.
            self.run(f"SET LOCAL statement_timeout = {max(1, int(probe.remaining() * 1000))}")
            [(self.role, self.database, self.version)] = self.run(_WHO)
        probe.principal(str(self.role))
        probe.fact(server_version=self.version, database=self.database, encrypted=self._connection.pgconn.ssl_in_use)

    def run(self, statement: str, *parameters: object) -> Rows:
        """Run one statement and return its rows."""
        cursor = self._connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else ()

    def roll_back(self) -> None:
        """End the transaction; the next statement begins another."""
        self._connection.rollback()

    def close(self) -> None:
        """Hang up, which rolls back too."""
        self._connection.close()

    def explain(self, denied: str = "authorize.denied", subject: str | None = None) -> Explain:
        """Return what translates errors of statements; ``denied`` and ``subject`` are for a missing privilege."""

        def translate(error: Exception) -> Finding | None:
            state = getattr(error, "sqlstate", None)
            cause = cause_of(state) if state else None
            if cause is None:
                return None
            said = getattr(error, "diag").message_primary  # noqa: B009 - the driver is not imported here
            if cause == "authorize.denied":
                return Finding(denied, f"{said} ({state})", subject or f"what {self.role} was refused: {said}")
            return Finding(cause, f"{said} ({state})", self._where)

        return translate

    def _explain_login(self, error: Exception) -> Finding | None:
        attempt: Any = getattr(error, "pgconn", None)
        if attempt is None:  # before any connection, or out of time
            return None
        user, database = attempt.user.decode(), self._parameters["dbname"]
        if attempt.needs_password:
            return Finding("config.missing_credentials", f"{self._where} asks for a password", "postgres.password")
        state, said = refusal(str(error), user, database)
        if state is None:
            return None
        state = state or self._ask_again()
        subjects = {
            "28P01": f"role {user} at {self._where}",
            "3D000": f"database {database} at {self._where}",
            "42501": f"CONNECT ON DATABASE {database} TO {user}",
            PG_HBA: f"a line of pg_hba.conf for what the server names: {said.partition(' for ')[2] or said}",
        }
        cause = "authenticate.not_admitted" if state == PG_HBA else cause_of(state)
        code = "" if state == PG_HBA else f" ({state})"
        return Finding(cause or "operate.server_error", f"{said}{code}", subjects.get(state, self._where))

    def _ask_again(self) -> str:
        """Tell a server that is not ready, in whatever language it says so, by libpq's PQping (no login is tried)."""
        pq = self._psycopg.pq
        conninfo = self._psycopg.conninfo.make_conninfo(**self._parameters)
        rejects = pq.PGconn.ping(conninfo.encode()) == pq.Ping.REJECT
        return "57P03" if rejects else "XX000"
