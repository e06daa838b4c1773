"""One login to PostgreSQL, and what a refusal of it, or of a statement, means."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from types import ModuleType
from typing import Any

from pytest_floe import Finding, Probe

from . import postgres_errors as errors
from .scratch_table import Explain, Rows

_DENIED, _CANCELLED = "42501", "57014"
_TIME_IS_UP = 0.1
_WHO = "SELECT session_user, current_database(), current_setting('server_version')"


class Login:
    """A connection with its only transaction, which is never committed.

    ``role``, ``database`` and ``version`` are what the server says. ``where`` is host and port, ``parameters`` are
    libpq's. Raises Finding if the login fails.
    """

    def __init__(self, probe: Probe, psycopg: ModuleType, where: str, parameters: dict[str, Any]) -> None:
        self._probe = probe
        self._psycopg = psycopg
        self._where = where
        self._parameters = parameters
        self.role: object = parameters["user"]  # until the server says as whom it knows us
        with probe.step("authenticate", self._explain_login):
            self._connection = psycopg.connect(**parameters)
            self.took_password: bool = self._connection.pgconn.used_password
        with ExitStack() as unless_begun:
            unless_begun.callback(self.close)
            self._begin(probe)
            unless_begun.pop_all()

    def _begin(self, probe: Probe) -> None:
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
            if state is None:
                return None
            said = getattr(error, "diag").message_primary  # noqa: B009 - the driver is not imported here
            state = errors.meant(state, said)
            cause = self._cause_of(state)
            if cause == "authorize.denied":
                wanted = _tablespace(said, str(self.role)) or (subject if state == _DENIED else None)
                return Finding(denied, errors.with_code(said, state), wanted or f"what {self.role} was refused: {said}")
            lock = f"a lock in database {self._parameters['dbname']} at {self._where}"
            return Finding(cause, errors.with_code(said, state), lock if cause == "operate.locked" else self._where)

        return translate

    def _cause_of(self, state: str) -> str:
        """Return the cause; a statement that ended with time left was cancelled by somebody else."""
        if state == _CANCELLED and self._probe.remaining() > _TIME_IS_UP:
            return "operate.not_ready"
        return errors.cause_of(state)

    def _explain_login(self, error: Exception) -> Finding | None:
        attempt: Any = getattr(error, "pgconn", None)
        if attempt is None:  # before any connection, or out of time
            return None
        user, database = attempt.user.decode(), self._parameters["dbname"]
        if attempt.needs_password:
            return Finding("config.missing_credentials", f"{self._where} asks for a password", "postgres.password")
        state, said = errors.refusal(str(error), user, database)
        if errors.is_of_settings(str(error)) and (variables := self._read_by_libpq()):
            return Finding("config.invalid", said, f"what libpq takes from {', '.join(variables)}")
        if state is None:
            return None
        state = state or self._ask_again()
        return Finding(
            errors.cause_of(state), errors.with_code(said, state), self._subject(state, said, user, database)
        )

    def _read_by_libpq(self) -> list[str]:
        """Return the variables of the environment that add to the parameters."""
        known = self._psycopg.pq.Conninfo.get_defaults()
        settled = {(option.envvar or b"").decode() for option in known if option.keyword.decode() in self._parameters}
        return sorted(name for name in os.environ if name.startswith("PG") and name not in settled)

    def _subject(self, state: str, said: str, user: str, database: str) -> str:
        limits = {"for database": f"database {database}", "for role": f"role {user}"}
        subjects = {
            "28P01": f"role {user} at {self._where}",
            "3D000": f"database {database} at {self._where}",
            "42501": f"CONNECT ON DATABASE {database} TO {user}",
            "53300": next((limit for words, limit in limits.items() if words in said), self._where),
            errors.PG_HBA: f"a line of pg_hba.conf for what the server names: {said.partition(' for ')[2] or said}",
            errors.NO_LOGIN: f"role {user} to log in: ALTER ROLE {user} LOGIN",
            errors.CLOSED: f"connections to database {database}: ALTER DATABASE {database} ALLOW_CONNECTIONS true",
            errors.TORN: f"database {database} at {self._where}",
            errors.NO_CERTIFICATE: "postgres.sslcert and postgres.sslkey",
            errors.BAD_CERTIFICATE: f"role {user} at {self._where}: postgres.sslcert",
        }
        return subjects.get(state, self._where)

    def _ask_again(self) -> str:
        """Tell a server that is not ready, in whatever language it says so, by libpq's PQping (no login is tried)."""
        pq = self._psycopg.pq
        conninfo = self._psycopg.conninfo.make_conninfo(**self._parameters)
        rejects = pq.PGconn.ping(conninfo.encode()) == pq.Ping.REJECT
        return "57P03" if rejects else "XX000"


def _tablespace(said: str, role: str) -> str | None:
    """Return the privilege that is wanted where a role's tables go to a tablespace that it may not use."""
    named = re.search(r"permission denied for tablespace (.+)", said)
    return f"CREATE ON TABLESPACE {named[1]} TO {role}" if named else None
