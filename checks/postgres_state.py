"""What a PostgreSQL server says of itself: is it the primary, who may still come in, what may the role use?"""

from __future__ import annotations

from pytest_floe import Probe

from .postgres_login import Login

FEW_CONNECTIONS = 5

_RECOVERY = """
SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool, source
  FROM pg_settings WHERE name = 'default_transaction_read_only'
"""
# The superuser's share, and since version 16 that of pg_use_reserved_connections, are not the workload's.
_CONNECTIONS_LEFT = """
SELECT allowed - used, limited_by FROM (
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true), '0')::int,
           (SELECT sum(numbackends)::int FROM pg_stat_database), 'max_connections'
    UNION ALL
    SELECT datconnlimit, pg_stat_get_db_numbackends(oid), 'the limit of database ' || datname
      FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0
    UNION ALL
    SELECT rolconnlimit, (SELECT count(*)::int FROM pg_stat_activity WHERE usename = rolname),
           'the limit of role ' || rolname
      FROM pg_roles WHERE rolname = session_user AND rolconnlimit >= 0
) AS limits (allowed, used, limited_by) ORDER BY 1 LIMIT 1
"""
_VALID_UNTIL = """
SELECT to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), rolvaliduntil < now() + '14 days'
  FROM pg_roles WHERE rolname = session_user AND isfinite(rolvaliduntil)
"""
# An extension's own tables, such as PostGIS' list of projections, are not the workload's.
_TABLES = """
SELECT count(*), bool_or(has_any_column_privilege(c.oid, 'SELECT')),
       bool_or(has_any_column_privilege(c.oid, 'INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE')),
       string_agg(DISTINCT pg_get_userbyid(relowner), ', ')
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE nspname = %s AND relkind IN ('r', 'p') AND NOT EXISTS (
       SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
"""
_SEARCH_PATH = "SELECT current_schema(), setting, source FROM pg_settings WHERE name = 'search_path'"
_USAGE = "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = %s"


def note_expiry(probe: Probe, login: Login) -> None:
    """Note when the password ends; warn if that is within 14 days."""
    if not login.took_password:
        return
    with probe.step("authenticate.expiry", login.explain()):
        for ends, soon in login.run(_VALID_UNTIL):
            probe.fact(password_expires=ends)
            if soon:
                probe.warn(
                    "authenticate.expires_soon",
                    f"the password of role {login.role} expires {ends}",
                    f"role {login.role}",
                )


def see_primary(probe: Probe, login: Login, where: str) -> None:
    """Fail unless the server takes writes from this role."""
    with probe.step("operate.primary", login.explain()):
        [(recovering, read_only, source)] = login.run(_RECOVERY)
        if recovering:
            probe.fail("operate.read_only", "the server is in recovery: it is a replica", where)
        if read_only:
            said = "default_transaction_read_only is on"
            whose = _whose(source, login) or where
            probe.fail("operate.read_only", f"transactions are read-only: {said}", f"{whose}: {said}")


def _whose(source: object, login: Login) -> str | None:
    """Return what a parameter is set for, by the word of pg_settings; None if for the server."""
    return {
        "user": f"role {login.role}",
        "database": f"database {login.database}",
        "database user": f"role {login.role} in database {login.database}",
    }.get(str(source))


def count_connections_left(probe: Probe, login: Login) -> int:
    """Return how many more connections the tightest limit allows; warn if they are few."""
    with probe.step("operate.connections", login.explain()):
        [(counted, limited_by)] = login.run(_CONNECTIONS_LEFT)
        left = int(str(counted))
        probe.fact(connections_left=left, connections_limited_by=limited_by)
        if left < FEW_CONNECTIONS:
            whose = str(limited_by).removeprefix("the limit of ")
            probe.warn("operate.exhausted", f"{left} connections left, as {limited_by} allows", whose)
        return left


def see_schema(probe: Probe, login: Login, schema: str) -> None:
    """Fail unless ``schema`` is there and the role may use it."""
    with probe.step("authorize.schema", login.explain()):
        found = login.run(_USAGE, schema)
        if not found:
            missing = f"schema {schema} in database {login.database}"
            probe.fail("operate.not_found", f"there is no {missing}", missing)
        if found[0][0] is not True:
            probe.fail(
                "authorize.read_denied",
                f"{login.role} may not use schema {schema}",
                f"USAGE ON SCHEMA {schema} TO {login.role}",
            )


def see_search_path(probe: Probe, login: Login, schema: str, *, given: bool) -> None:
    """Warn if names without a schema lead elsewhere than to the ``schema`` that is ``given``, or nowhere at all.

    A search path that nobody has set says nothing: then the workload may well write the schema before each name.
    """
    with probe.step("authorize.schema", login.explain()):
        [(first, path, source)] = login.run(_SEARCH_PATH)
        if source != "default" and (first is None or (given and first != schema)):
            probe.warn(
                "operate.wrong_location",
                f"search_path is {path}, so names without a schema lead to {first or 'no schema'}",
                f"search_path of {_whose(source, login) or 'the server'} with schema {schema}",
            )


def see_tables(probe: Probe, login: Login, schema: str) -> None:
    """Fail unless there are no tables in ``schema``, or the role may read one, and with ``write`` also change one."""
    with probe.step("authorize.tables", login.explain()):
        [(number, readable, writable, owners)] = login.run(_TABLES, schema)
        for granted, cause, privileges in (
            (readable, "authorize.read_denied", "SELECT"),
            (writable or not probe.write, "authorize.write_denied", "INSERT, UPDATE, DELETE"),
        ):
            if number and not granted:
                probe.fail(
                    cause,
                    f"{login.role} has {privileges} on none of the {number} tables of schema {schema}",
                    f"{privileges} ON ALL TABLES IN SCHEMA {schema} TO {login.role}, as their owner {owners}",
                )
