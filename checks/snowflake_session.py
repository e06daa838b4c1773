"""A session with Snowflake that ends in time and says what its errors mean."""

from __future__ import annotations

import re
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pytest_floe import Finding, http_cause, shortened

if TYPE_CHECKING:
    from .scratch_table import Explain, Rows
    from .snowflake import SnowflakeSettings

_REFUSAL = 3001
_ROLE_NOT_GRANTED = 390189
_UNIVERSAL = 5
_LOGOUT_SECONDS = 2
_STATUS = re.compile(r"\b([45]\d\d)\b(?= |$|:)")
#: https://docs.snowflake.com/en/user-guide/key-pair-auth-troubleshooting, .../admin-security-fed-auth-use
_CAUSES = {
    606: "operate.not_found",
    630: "timeout",
    2003: "operate.not_found",
    2043: "operate.not_found",
    90073: "operate.exhausted",
    390100: "authenticate.rejected",
    390101: "authenticate.not_admitted",  # disabled
    390102: "authenticate.not_admitted",  # locked for a while
    390104: "authenticate.rejected",
    **dict.fromkeys(range(390110, 390116), "authenticate.rejected"),
    390114: "authenticate.rejected",
    390144: "authenticate.rejected",
    390189: "authorize.denied",
    390201: "operate.not_found",
    390303: "authenticate.rejected",
    390318: "authenticate.rejected",
    390422: "authorize.denied",
    390432: "authorize.denied",
    394300: "authenticate.rejected",
    394304: "authenticate.clock_skew",
}
#: Codes 39xxxx are all of logins; those that are not listed above are told apart by what they speak of.
_OF_LOGIN = 39
_NOT_ADMITTED = re.compile(r"\bMFA\b|multi-factor|network policy|not allowed to access", re.IGNORECASE)
#: Faults of the network reach Python as text alone.
_TEXTS = {
    "timed out": "timeout",
    "timeout": "timeout",
    "Connection refused": "connect.refused",
    "certificate": "tls.untrusted",
    "Could not connect to Snowflake backend": "operate.server_error",
}


class Session:
    """Runs statements once ``log_in`` has succeeded."""

    def __init__(self, sdk: ModuleType, settings: SnowflakeSettings) -> None:
        self._sdk = sdk
        self._settings = settings
        self._connection: Any = None

    def log_in(self, seconds: float) -> None:
        """Log in; neither that nor a statement takes longer than ``seconds``."""
        options = _options(self._settings) | _limits(self._sdk, self._settings, max(1, int(seconds)))
        self._connection = self._sdk.connect(**{name: value for name, value in options.items() if value is not None})

    def another(self, seconds: float) -> Session:
        """Return another session, logged in."""
        session = Session(self._sdk, self._settings)
        session.log_in(seconds)
        return session

    def close(self) -> None:
        """Log out."""
        if self._connection:
            self._connection.close()

    @property
    def role(self) -> str:
        """The role that Snowflake gave."""
        return str(self._connection.role)

    def run(self, sql: str) -> Rows:
        """Run a statement and return its rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            rows: Rows = cursor.fetchall()
        return rows

    def show(self, sql: str) -> list[dict[str, Any]]:
        """Run a SHOW statement and return its rows by name of column."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            names = [column[0].lower() for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def is_refusal(self, error: Exception) -> bool:
        """Tell whether Snowflake denied a statement."""
        return getattr(error, "errno", None) == _REFUSAL

    def explain(self, refused: str = "authorize.denied", grant: str | None = None, place: str | None = None) -> Explain:
        """Return the translation of errors, where a refusal means the cause ``refused`` and asks for ``grant``.

        ``place`` is what any other answer of Snowflake's own is about, if not the login.
        """

        def translate(error: Exception) -> Finding | None:
            code = getattr(error, "errno", None)
            if not isinstance(code, int):
                return None
            text = shortened(str(error))
            if self.is_refusal(error):
                return Finding(refused, text, grant or self._login)
            cause = _cause(error, text)
            about = place if code in _CAUSES else None
            return Finding(cause, text, about or self._subject(cause, code)) if cause else None

        return translate

    def _subject(self, cause: str, code: int) -> str:
        settings = self._settings
        if code == _ROLE_NOT_GRANTED:
            return f"role {settings.role} to user {settings.user}"
        if cause.startswith("authorize."):
            return f"access to {settings.url} to user {settings.user}"
        return self._login if cause.startswith("authenticate.") else settings.url

    @property
    def _login(self) -> str:
        role = f" as {self._settings.role}" if self._settings.role else ""
        return f"user {self._settings.user}{role} at {self._settings.url}"


def _cause(error: Any, text: str) -> str | None:
    if error.errno in _CAUSES:
        return _CAUSES[error.errno]
    if error.errno // 10_000 == _OF_LOGIN:
        return "authenticate.not_admitted" if _NOT_ADMITTED.search(text) else "authenticate.rejected"
    for part, cause in _TEXTS.items():
        if part in text:
            return cause
    status = _STATUS.search(text)
    return http_cause(int(status[1])) if status else None


def _options(settings: SnowflakeSettings) -> dict[str, Any]:
    return {
        "account": settings.account,
        "user": settings.user,
        "password": settings.password and settings.password.get_secret_value(),
        "private_key_file": settings.private_key_file and str(settings.private_key_file),
        "private_key_file_pwd": settings.private_key_passphrase and settings.private_key_passphrase.get_secret_value(),
        "token": settings.token and settings.token.get_secret_value(),
        "authenticator": settings.authenticator or _authenticator(settings),
        "role": settings.role,
        "warehouse": settings.warehouse,
        "database": settings.database,
        "schema": settings.schema,
        "host": settings.address,
        "port": settings.port,
        "protocol": settings.protocol,
        "session_parameters": {"QUERY_TAG": "pytest-floe"},
    }


def _authenticator(settings: SnowflakeSettings) -> str | None:
    if settings.private_key_file:
        return "snowflake_jwt"
    return "oauth" if settings.token else None


def _limits(sdk: ModuleType, settings: SnowflakeSettings, seconds: int) -> dict[str, Any]:
    """Return time-outs, and whom to trust; version 5 of the client named both anew."""
    if int(sdk.__version__.partition(".")[0]) >= _UNIVERSAL:
        names = ("login_timeout", "connect_timeout", "request_timeout", "retry_timeout", "query_timeout")
        return dict.fromkeys(names, seconds) | {
            "retry_max_attempts": 1,
            "logout_total_timeout_seconds": _LOGOUT_SECONDS,
            "platform_detection_timeout_seconds": 0,  # for telemetry it would ask the cloud's metadata service
            "enable_server_session_keep_alive_auto_detection": False,
            "custom_root_store_path": settings.ca_file and str(settings.ca_file),
        }
    if settings.ca_file:
        message = f"snowflake-connector-python {sdk.__version__} takes no ca_file"
        raise Finding("config.missing_driver", message, "pip install 'snowflake-connector-python>=5'")
    return dict.fromkeys(("login_timeout", "network_timeout", "socket_timeout"), seconds)
