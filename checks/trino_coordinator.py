"""A connection to a Trino coordinator that ends in time and says what its errors mean."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from http import HTTPStatus
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pytest_floe import Finding, http_cause, shortened, url_host

from . import guarded_requests, trino_behind

if TYPE_CHECKING:
    from .scratch_table import Explain, Rows
    from .trino import TrinoSettings

_LEAST_SECONDS = 0.05
_CANCEL_SECONDS = 0.4
_STATUS = re.compile(r"error (\d{3})\b")
_IMPERSONATION = re.compile(r"User (\S+) cannot impersonate user (\S+)")
#: A role is refused by an exception, as if the server had failed.
_ROLE = re.compile(r"Access Denied: Cannot set role (\w+)")
#: The clock of who issued a token is ahead of the coordinator's.
_EARLY = "JWT early by"
_WAITING = ("QUEUED", "WAITING_FOR_RESOURCES", "DISPATCHING")
#: A proxy may keep the health of the coordinator behind it to itself.
_HIDDEN = (401, 403, 404)
_REFUSAL = "PERMISSION_DENIED"
#: Names of https://github.com/trinodb/trino, StandardErrorCode.java.
_CAUSES = {
    "CATALOG_NOT_FOUND": "operate.not_found",
    "SCHEMA_NOT_FOUND": "operate.not_found",
    "TABLE_NOT_FOUND": "operate.not_found",
    "ROLE_NOT_FOUND": "operate.not_found",
    "SERVER_STARTING_UP": "operate.not_ready",
    "SERVER_SHUTTING_DOWN": "operate.not_ready",
    "NO_NODES_AVAILABLE": "operate.not_ready",
    "GENERIC_INSUFFICIENT_RESOURCES": "operate.not_ready",
    "CATALOG_NOT_AVAILABLE": "operate.not_ready",
    "CATALOG_UNAVAILABLE": "operate.not_ready",
    "MEMORY_LIMIT_EXCEEDED": "operate.out_of_space",
    "QUERY_QUEUE_FULL": "operate.exhausted",
    "QUERY_REJECTED": "operate.exhausted",
    "EXCEEDED_TIME_LIMIT": "timeout",
    "NOT_SUPPORTED": "operate.read_only",
    "INVALID_VIEW": "operate.corrupt",
    "VIEW_IS_STALE": "operate.corrupt",
}
#: Those that are about the schema and what is in it, not about the service.
_OF_OBJECTS = ("operate.not_found", "operate.read_only", "operate.out_of_space", "operate.corrupt")
_CAUSES_OF_TYPE = {
    "INSUFFICIENT_RESOURCES": "operate.exhausted",
    "INTERNAL_ERROR": "operate.server_error",
    "EXTERNAL": "operate.server_error",
}


class Coordinator:
    """Runs statements; ``deadline`` is in seconds of the monotonic clock, and no request outlasts it."""

    def __init__(self, sdk: ModuleType, settings: TrinoSettings, deadline: float) -> None:
        self._sdk = sdk
        self._settings = settings
        self._session = _session(sdk, settings, deadline)
        self._connection = _connect(sdk, settings, self._session)
        self._state: str | None = None

    def within(self, seconds: float) -> Coordinator:
        """Return another connection, with a deadline of its own."""
        return Coordinator(self._sdk, self._settings, time.monotonic() + seconds)

    def expect_started(self) -> None:
        """Raise a finding while the server says that it is starting."""
        url = self._settings.url
        answer = self._session.get(f"{url}/v1/info")
        if answer.status_code in _HIDDEN:
            return
        if not answer.ok:
            raise Finding(http_cause(answer.status_code), f"Trino answers /v1/info with HTTP {answer.status_code}", url)
        starting = _starting(answer)
        if not isinstance(starting, bool):
            kind = shortened(answer.headers.get("content-type", "no type"), 60)
            message = f"/v1/info is answered with {len(answer.content)} bytes of {kind}, not as Trino answers it"
            raise Finding("operate.unexpected_response", message, url)
        if starting:
            raise Finding("operate.not_ready", "the coordinator is still starting", url)

    def run(self, sql: str) -> Rows:
        """Run a statement to its end and return its rows."""
        cursor = self._connection.cursor()
        try:
            rows: Rows = cursor.execute(sql).fetchall()
            return rows
        finally:
            self._state = (cursor.stats or {}).get("state")
            with suppress(Exception):  # why it failed matters, not that it can't be cancelled
                cursor.close()

    def run_if_allowed(self, sql: str) -> Rows | None:
        """Run a statement like ``run``; None if Trino denied it."""
        try:
            return self.run(sql)
        except self._sdk.exceptions.TrinoUserError as error:
            if not self.is_refusal(error):
                raise
            return None

    def is_of_statement(self, error: Exception) -> bool:
        """Tell whether Trino finds fault with the statement, or with what it names, and so is not at fault itself."""
        return isinstance(error, self._sdk.exceptions.TrinoUserError)

    def is_refusal(self, error: Exception) -> bool:
        """Tell whether Trino denied a statement."""
        return getattr(error, "error_name", None) == _REFUSAL

    def lacks_comments(self, error: Exception) -> bool:
        """Tell whether a catalog makes no table with a comment, as its connector has none."""
        return self.is_of_statement(error) and "tables with table comment" in str(error)

    def asks_for_filter(self, error: Exception) -> bool:
        """Tell whether a table is only read with a filter on its partitions, as its catalog may be configured."""
        return self.is_of_statement(error) and "Filter required" in str(error)

    def explain(self, refused: str = "authorize.denied", grant: str | None = None) -> Explain:
        """Return the translation of errors, where a refusal means the cause ``refused`` and asks for ``grant``."""

        def translate(error: Exception) -> Finding | None:
            if hasattr(error, "error_name"):
                return self._explain_query(error, refused, grant)
            status = _STATUS.match(str(error))
            if status and isinstance(error, self._sdk.exceptions.HttpError):
                return self._explain_status(int(status[1]), str(error))
            return self._explain_waiting(error)

        return translate

    def _explain_status(self, status: int, text: str) -> Finding:
        message, settings = f"Trino answers {text:.200}", self._settings
        if refused := _ROLE.search(text):
            return Finding("authorize.denied", message, f"role {refused[1]} to user {settings.user}")
        if status == HTTPStatus.UNAUTHORIZED and not (settings.password or settings.token):
            return Finding("config.missing_credentials", message, "trino.password or trino.token")
        if _EARLY in text:
            return Finding("authenticate.clock_skew", message, self._settings.url)
        cause = http_cause(status)
        subjects = {
            "authenticate.rejected": f"user {settings.user} at {settings.url}",
            "authorize.denied": f"access to {settings.url} to user {settings.user}",
        }
        return Finding(cause, message, subjects.get(cause, settings.url))

    def _explain_query(self, error: Any, refused: str, grant: str | None) -> Finding:
        message = shortened(f"{error.error_name}: {error.message}")
        if who := _IMPERSONATION.search(message):
            return Finding("authorize.denied", message, f"impersonation of user {who[2]} to user {who[1]}")
        if error.error_name == _REFUSAL:
            return Finding(refused, message, grant or f"user {self._settings.user} the right to run queries")
        why = trino_behind.root(error)
        message += f"; because {shortened(why)}" if why else ""
        if behind := trino_behind.refusal(error, refused, self._settings.catalog):
            return Finding(behind[0], message, behind[1])
        cause = _CAUSES.get(error.error_name) or _CAUSES_OF_TYPE.get(error.error_type, "operate.unexpected_response")
        about_objects = cause in _OF_OBJECTS
        return Finding(cause, message, self._settings.place if about_objects else self._settings.url)

    def _explain_waiting(self, error: Exception) -> Finding | None:
        if self._state in _WAITING and "Timeout" in type(error.__context__).__name__:
            message = "Trino took the query and did not begin it: no worker is active, or the resource group is full"
            return Finding("operate.not_ready", message, self._settings.url)
        return None


def _starting(answer: Any) -> object:
    try:
        told = answer.json()
    except ValueError:
        return None
    return told.get("starting") if isinstance(told, dict) else None


def _connect(sdk: ModuleType, settings: TrinoSettings, session: Any) -> Any:
    scheme, _, address = settings.url.partition("://")
    return sdk.dbapi.connect(
        host=url_host(settings.host),
        port=int(address.rpartition(":")[2]),
        http_scheme=scheme,
        user=settings.user,
        auth=_auth(sdk, settings),
        roles=settings.roles,
        catalog=settings.catalog,
        schema=settings.schema,
        source=settings.source,
        client_tags=list(settings.client_tags),
        http_session=session,
        max_attempts=1,
    )


def _auth(sdk: ModuleType, settings: TrinoSettings) -> Any:
    if settings.token:
        return sdk.auth.JWTAuthentication(settings.token.get_secret_value())
    if settings.password:
        return sdk.auth.BasicAuthentication(settings.user, settings.password.get_secret_value())
    return None


def _session(sdk: ModuleType, settings: TrinoSettings, deadline: float) -> Any:
    def until_deadline(request: Any) -> float:
        """The client's own time-out is for one request, and a query that waits asks again and again."""
        least = _CANCEL_SECONDS if request.method == "DELETE" else _LEAST_SECONDS
        return max(least, deadline - time.monotonic())

    requests = sdk.client.requests
    guard = guarded_requests.adapter(requests, lambda: deadline - time.monotonic(), settings.ca_file, until_deadline)
    return guarded_requests.session(requests, guard)
