"""What a kind of service can be told: the base of every kind's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

ENVIRONMENT_KEY = "x-environment"


class Settings(BaseModel):
    """Settings of one target; each kind derives its own class.

    Fields typed ``SecretStr`` are credentials: the configuration takes them by reference only. ``flat`` maps the
    data model's flat fields to this kind's own keys, e.g. ``{"storage_bucket": "bucket"}``. ``defining`` is the
    field without which the target can't be addressed at all; None where there is no such field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)

    flat: ClassVar[dict[str, str]] = {}
    defining: ClassVar[str | None] = None

    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust, instead of the system's.")
    write: bool = Field(False, description="Verify by writing as well; what is written is removed again.")


def setting(default: Any = None, description: str = "", *, env: tuple[str, ...] = (), **constraints: Any) -> Any:
    """Declare a field of a kind's settings.

    ``env`` names the environment variables, first match wins, by which the kind's own SDK would be told the same.
    """
    extra: dict[str, Any] | None = {ENVIRONMENT_KEY: list(env)} if env else None
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https"):
        raise ValueError("needs a scheme: write http:// or https:// in front")
    if not parts.hostname:
        raise ValueError("names no host: write scheme://host[:port]/path")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("has a port outside 1 to 65535") from error
    if port == 0:
        raise ValueError("has port 0: use 1 to 65535")
    if parts.username or parts.password:
        raise ValueError("carries a credential: move it to the fields for credentials")
    return value


Url = Annotated[str, AfterValidator(_check_url)]
Port = Annotated[int, Field(ge=1, le=65535)]
Secret = SecretStr
