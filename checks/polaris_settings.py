"""How to reach an Iceberg REST catalog, how to log in, and what to verify there."""

from __future__ import annotations

from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from pytest_floe import Secret, Settings, Url, setting

from .oauth2 import Client
from .plain_text import stays_on_this_machine


class PolarisSettings(Settings):
    """How to reach an Iceberg REST catalog, how to get a token for it, and which warehouse the workload uses."""

    flat: ClassVar[dict[str, str]] = {"catalog_uri": "uri"}
    defining: ClassVar[str | None] = "uri"

    uri: Url = setting(..., "Address of the catalog, without /v1.", env=("POLARIS_URI",))
    client_id: str | None = setting(None, "Client to ask for a token as.", env=("POLARIS_CLIENT_ID",))
    client_secret: Secret | None = setting(None, "Secret of the client.", env=("POLARIS_CLIENT_SECRET",))
    token: Secret | None = setting(None, "Ready-made bearer token, instead of asking for one.")
    warehouse: str | None = setting(None, "Catalog that the workload uses.", env=("POLARIS_WAREHOUSE",), min_length=1)
    scope: str = setting("PRINCIPAL_ROLE:ALL", "Scope to ask for; none if empty.", env=("POLARIS_SCOPE",))
    realm: str | None = setting(None, "Sent as Polaris-Realm.", env=("POLARIS_REALM",))
    oauth2_server_uri: Url | None = setting(
        None, "Token endpoint of an external issuer; the catalog's own, /v1/oauth/tokens, if not given."
    )
    namespace: str | None = setting(None, "Namespace that the workload uses; levels are separated by dots.")
    needs: tuple[str, ...] = setting(
        ("storage",),
        "Services, or names of targets, without which writing is not tried; of these, those that are declared.",
    )

    @model_validator(mode="after")
    def _credentials_are_whole_and_travel_encrypted(self) -> Self:
        if not self.token and bool(self.client_id) != bool(self.client_secret):
            missing = "client_secret" if self.client_id else "client_id"
            raise ValueError(f"client_id and client_secret go together: set {missing}")
        for key, url in (("uri", self.uri), ("oauth2_server_uri", self.oauth2_server_uri)):
            unguarded = url and urlsplit(url).scheme == "http" and not stays_on_this_machine(url)
            if unguarded and (self.token or self.client_secret):
                raise ValueError(
                    f"a credential would travel unencrypted: write https in {key}, or remove the credential"
                )
        return self

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of ``namespace``."""
        return tuple(self.namespace.split(".")) if self.namespace else ()

    @property
    def realm_header(self) -> dict[str, str]:
        """What tells a Polaris of many realms which one is meant."""
        return {"Polaris-Realm": self.realm} if self.realm else {}

    @property
    def issuer(self) -> Client | None:
        """Who issues the token, if one has to be asked for."""
        if self.token or not (self.client_id and self.client_secret):
            return None
        endpoint = self.oauth2_server_uri or f"{self.uri.rstrip('/')}/v1/oauth/tokens"
        return Client(endpoint, self.client_id, self.client_secret.get_secret_value(), self.scope)

    @property
    def urls(self) -> tuple[str, ...]:
        """Every address that is asked."""
        return (self.uri, self.oauth2_server_uri) if self.oauth2_server_uri else (self.uri,)

    @property
    def external_issuer(self) -> str | None:
        """Address of the issuer where it is another server than the catalog."""
        url = self.oauth2_server_uri if self.issuer else None
        return url if url and urlsplit(url).netloc != urlsplit(self.uri).netloc else None

    @property
    def anonymous(self) -> bool:
        """Whether there is nothing to log in with."""
        return not (self.token or self.issuer)

    @property
    def who(self) -> str:
        """Whom a grant goes to."""
        return f"client {self.client_id}" if self.issuer else "everyone" if self.anonymous else "the token's principal"

    @property
    def place(self) -> str:
        """What a grant is on."""
        catalog = f"catalog {self.warehouse or self.uri}"
        return f"namespace {self.namespace} of {catalog}" if self.namespace else catalog
