"""What PostgreSQL's errors mean: SQLSTATE to cause, and the text of a refused login to SQLSTATE.

libpq gives the SQLSTATE of a failed statement, but only the text of a failed login, and that text is in the
language of the server (``lc_messages``). So a login is judged by what no translation changes as far as there is
such a thing: names of files, keywords and objects, whether the server took a password, and PQping. English texts
say the rest.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import re

#: What a login is refused for beside an SQLSTATE.
PG_HBA = "pg_hba.conf"
NO_LOGIN = "role without login"
CLOSED = "closed database"
TORN = "half dropped database"
NO_CERTIFICATE = "no certificate of the client"
BAD_CERTIFICATE = "refused certificate of the client"
_CAUSES = {
    PG_HBA: "authenticate.not_admitted",
    NO_LOGIN: "authenticate.not_admitted",
    CLOSED: "authenticate.not_admitted",
    TORN: "operate.corrupt",
    NO_CERTIFICATE: "config.missing_credentials",
    BAD_CERTIFICATE: "authenticate.rejected",
    "28P01": "authenticate.rejected",
    "28000": "authenticate.rejected",
    "3D000": "operate.not_found",
    "3F000": "operate.not_found",
    "42501": "authorize.denied",
    "25006": "operate.read_only",
    "53100": "operate.out_of_space",
    "53300": "operate.exhausted",
    "55P03": "operate.locked",
    "57014": "timeout",
    "P0001": "authorize.denied",
}
_LENGTH = 5
_CLASSES = {
    "53": "operate.exhausted",
    "57": "operate.not_ready",
    "58": "operate.server_error",
    "XX": "operate.server_error",
}

#: In this order: where libpq tried twice (with and without TLS), a refusal by pg_hba.conf says the least.
_TEXTS = (
    (r"the database system is", "57P03"),
    (r"too many (clients|connections)|connection slots|\bSUPERUSER\b|pg_use_reserved_connections", "53300"),
    (r"no more connections allowed|query_wait_timeout", "53300"),  # PgBouncer's, like two more below
    (r"\bCONNECT\b", "42501"),
    (r'database ".*" does not exist|no such database', "3D000"),
    (r"database .* not currently accepting connections", CLOSED),
    (r"invalid database", TORN),
    (r"role .* is not permitted to log in", NO_LOGIN),
    (r"requires a valid client certificate", NO_CERTIFICATE),
    (r"alert (unknown ca|bad certificate|certificate \w+)", BAD_CERTIFICATE),
    (r'(password|SASL) authentication failed|role ".*" does not exist', "28P01"),
    (r"pg_hba\.conf", PG_HBA),
)
#: Of libpq before it connects, of libpq about the server it met, of the server, and of PgBouncer.
_OF_SETTINGS = re.compile(
    r"^connection is bad: |hot standby mode|session is (not )?read-only|authentication method requirement"
    r"|channel binding required|(unrecognized configuration|invalid value for|unsupported startup) parameter"
)
#: PgBouncer says all that it refuses with the SQLSTATE of a violated protocol.
_OF_POOLER = "08P01"
_ATTEMPT = re.compile(r"connection to server .*? failed: ", re.DOTALL)
_FROM_SERVER = re.compile(r"^\w+:  ")  # a severity, in any language; libpq's own messages have none


def cause_of(state: str) -> str:
    """Return the cause of an SQLSTATE, or of what a login is refused for."""
    return _CAUSES.get(state) or _CLASSES.get(state[:2]) or "operate.server_error"


def meant(state: str, said: str) -> str:
    """Return the SQLSTATE of a statement's error, that of its text ``said`` where a pooler tells no other."""
    found = (code for pattern, code in _TEXTS if re.search(pattern, said))
    return next(found, state) if state == _OF_POOLER else state


def with_code(said: str, state: str) -> str:
    """Return a sentence of the server with its SQLSTATE, if that is one."""
    return f"{said} ({state})" if len(state) == _LENGTH else said


def is_of_settings(text: str) -> bool:
    """Tell whether a login failed by how it was asked for: a service, an option, what kind of server it must be."""
    return bool(_OF_SETTINGS.search(text))


def refusal(text: str, user: str | None, database: str | None) -> tuple[str | None, str]:
    """Return SQLSTATE (or what else it is refused for) and sentence of a login that failed with ``text``.

    The SQLSTATE is None if the text is not the server's, and empty if the server said something unknown.
    """
    attempts = [" ".join(said.split()) for said in _ATTEMPT.split(text)[1:]] or [" ".join(text.split())]
    for pattern, state in _TEXTS:
        for said in attempts:
            if re.search(pattern, said):
                return state, said
    if not any(map(_FROM_SERVER.match, _ATTEMPT.split(text)[1:])):
        return None, attempts[0]
    return _from_names(attempts[0], user, database), attempts[0]


def _from_names(said: str, user: str | None, database: str | None) -> str:
    """Tell from the names in a translated sentence what it is about: the role or, without one, the database."""
    if _names(said, user):
        return "28P01"
    return "3D000" if _names(said, database) else ""


def _names(said: str, name: str | None) -> bool:
    return bool(name and re.search(rf"[^\w\s-]{re.escape(name)}[^\w\s-]", said))  # in the quotes of any language
