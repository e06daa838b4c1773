"""What a kind of service can be told: the base of every kind's settings."""

from __future__ import annotations

import ipaddress
import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)

if TYPE_CHECKING:
    from pytest_floe.registry import Plan

ENVIRONMENT_KEY = "x-environment"
#: In the context of a validation: the folder that relative paths start from.
FOLDER = "folder"
_SECRET_PARAMETERS = {"sig", "password", "token", "access_token", "secret", "client_secret", "key"}


class Joined(Protocol):
    """Another target of the environment, as a check that joins it sees it."""

    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def plan(self) -> Plan: ...


class Settings(BaseModel):
    """Settings of one target; each kind derives its own class.

    Fields typed ``Secret`` are credentials: the configuration takes them by reference only. Fields typed ``Path``
    are files that the check reads: they must exist, and are relative to the configuration file. For a path to what
    need not exist, a field validator calls ``located``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)

    #: The data model's flat fields, by this kind's own keys for them, e.g. ``{"storage_bucket": "bucket"}``.
    flat: ClassVar[dict[str, str]] = {}
    #: The key without which the target can't be addressed at all, if there is one.
    defining: ClassVar[str | None] = None
    #: Services of which the check joins one target each, with the kinds it knows how to join. A key of the service's
    #: name says which target; the settings of all are in ``joined``.
    joins: ClassVar[dict[str, tuple[str, ...]]] = {}
    #: Keys that name an identity, which a secret completes. SDK variables never put another beside a given one.
    login_names: ClassVar[frozenset[str]] = frozenset({"user", "account", "access_key_id", "client_id", "tenant_id"})
    #: Keys that are an identity by themselves; beside them SDK variables add nothing to the login.
    whole_logins: ClassVar[frozenset[str]] = frozenset(
        {"profile", "credentials_file", "credentials_json", "connection_string", "anonymous"}
    )

    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust, instead of the system's.")
    write: bool = Field(False, description="Verify by writing as well; what is written is removed again.")
    needs: tuple[str, ...] = Field(
        (), description="Services, or names of targets, without which writing is not tried: the check waits for them."
    )

    @field_validator("host", check_fields=False)
    @classmethod
    def _is_host(cls, host: str | None) -> str | None:
        """Check the key ``host`` of every kind that has one."""
        return host and _check_host(host)

    _joined: dict[str, Joined] = PrivateAttr(default_factory=dict)

    @property
    def joined(self) -> Mapping[str, Joined]:
        """The targets that the check joins, by service."""
        return self._joined

    def joining(self, others: Mapping[str, Joined]) -> Self:
        """Return the same settings, joining ``others``."""
        copy = self.model_copy()
        copy._joined = dict(others)  # noqa: SLF001 - a copy of its own
        return copy


def setting(default: Any = ..., description: str = "", *, env: tuple[str, ...] = (), **constraints: Any) -> Any:
    """Declare a field of a kind's settings.

    Without a ``default`` it must be given. ``env`` names the environment variables, first match wins, by which the
    kind's own SDK would be told the same.
    """
    extra: dict[str, Any] | None = {ENVIRONMENT_KEY: list(env)} if env else None
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def located(path: str, info: ValidationInfo) -> str:
    """Return ``path`` relative to the configuration file, if the settings come from one; it need not exist."""
    return str((info.context or {}).get(FOLDER, Path()) / os.path.expanduser(path))  # noqa: PTH111 - joined at once


def _check_url(value: str) -> str:
    # Python's own messages quote the address, which may hold a credential.
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("is not a URL: write scheme://host[:port]/path") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("needs a scheme: write http:// or https:// in front")
    if "@" in parts.netloc or _SECRET_PARAMETERS & {name.lower() for name, _ in parse_qsl(parts.query)}:
        raise ValueError("carries a credential: move it to the key for it, as a reference")
    if not parts.hostname or any(character.isspace() for character in value):
        raise ValueError("names no host: write scheme://host[:port]/path")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("has a port outside 1 to 65535: correct it") from None
    if port == 0:
        raise ValueError("has port 0: use 1 to 65535")
    return value


def _check_host(value: str) -> str:
    """Return ``value`` as sockets take it: an address of IPv6 without brackets."""
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if bare != value or ":" in bare:
        sound = _is_ipv6(bare)
    else:
        sound = bool(bare) and not any(character in "/@?#,[]" or character.isspace() for character in bare)
    if not sound:
        raise ValueError("is not a host name: write the name or address alone, without scheme, port or user")
    return bare


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def url_host(host: str) -> str:
    """Return ``host`` as a URL takes it, and a text of host and port: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


Url = Annotated[str, AfterValidator(_check_url)]
Host = Annotated[str, AfterValidator(_check_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
Secret = SecretStr
