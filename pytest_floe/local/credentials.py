"""Who may log in where in the embedded platform; made up anew for each run."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field

from pydantic import SecretStr

_KEY_ID_ALPHABET = string.ascii_uppercase + "234567"


def _secret() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(24))


def _key_id() -> str:
    """Return an access key id of the form that AWS gives to users: AKIA and 16 characters."""
    return "AKIA" + "".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(16))


@dataclass(frozen=True)
class Credentials:
    """Credentials of the workload and, ``admin_`` in front, of the administrator of each service."""

    postgres_password: SecretStr = field(default_factory=_secret)
    s3_access_key_id: str = field(default_factory=_key_id)
    s3_secret_access_key: SecretStr = field(default_factory=_secret)
    catalog_client_id: str = "floe"
    catalog_client_secret: SecretStr = field(default_factory=_secret)
    admin_postgres_password: SecretStr = field(default_factory=_secret)
    admin_s3_access_key_id: str = field(default_factory=_key_id)
    admin_s3_secret_access_key: SecretStr = field(default_factory=_secret)
    admin_catalog_client_id: str = "admin"
    admin_catalog_client_secret: SecretStr = field(default_factory=_secret)
