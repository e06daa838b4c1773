"""Is the container of the Azure storage account there, and may this principal list, write, read and delete in it?

Accounts with a hierarchical namespace are asked through their DFS endpoint, all others through the blob endpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from pytest_floe import Plan, Probe, Secret, Settings, Url, check, setting

from . import adls_session, object_storage
from .adls_bucket import BlobContainer
from .adls_hierarchical import Filesystem
from .object_storage import Bucket, Verb
from .plain_text import refuse_plain_text

_ROLES = {
    "list": "Storage Blob Data Reader, or a SAS with permission l,",
    "read": "Storage Blob Data Reader, or a SAS with permission r,",
    "write": "Storage Blob Data Contributor, or a SAS with permissions cw,",
    "delete": "Storage Blob Data Contributor, or a SAS with permission d,",
}


class AdlsSettings(Settings):
    """Settings of a container, or file system, of an Azure storage account."""

    flat: ClassVar[dict[str, str]] = {"storage_bucket": "container"}

    container: str | None = setting(None, "Name of the container (file system).")
    account: str | None = setting(
        None, "Name of the storage account.", env=("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
    )
    endpoint: Url | None = setting(
        None,
        "Address of the account, where it is not ACCOUNT.blob.core.windows.net.",
        env=("AZURE_STORAGE_SERVICE_ENDPOINT",),
    )
    prefix: str | None = setting(None, "Folder that the workload writes to; canaries are written there.")
    hierarchical_namespace: bool | None = setting(
        None, "Whether the account has one; the account is asked if not given."
    )
    account_key: Secret | None = setting(
        None, "Shared key of the account.", env=("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY")
    )
    sas_token: Secret | None = setting(None, "Shared access signature.", env=("AZURE_STORAGE_SAS_TOKEN",))
    connection_string: Secret | None = setting(
        None, "Account, endpoint and key in one.", env=("AZURE_STORAGE_CONNECTION_STRING",)
    )
    tenant_id: str | None = setting(
        None, "Entra tenant of the application.", env=("AZURE_TENANT_ID", "AZURE_STORAGE_TENANT_ID")
    )
    client_id: str | None = setting(
        None, "Entra application, or managed identity.", env=("AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID")
    )
    client_secret: Secret | None = setting(
        None, "Secret of the application.", env=("AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET")
    )
    authority: str | None = setting(None, "Entra's address in a sovereign cloud.", env=("AZURE_AUTHORITY_HOST",))
    ca_file: Path | None = setting(
        None,
        "PEM file of the authorities to trust, instead of the system's; of the endpoint's only, where one is given.",
        env=("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    )
    accept_soft_delete: bool = setting(
        False, "Take it for removed when soft delete keeps the canary restorable for a while; else that is a warning."
    )
    write: bool = setting(True, "Write a canary object, read it back and delete it.")

    @field_validator("container")
    @classmethod
    def _is_a_name(cls, container: str | None) -> str | None:
        if container and {"/", "@"} & set(container):
            raise ValueError("is no name of a container: write the name alone, without abfss://; folders go to prefix")
        return container

    @model_validator(mode="after")
    def _says_which_account(self) -> Self:
        if not (self.account or self.endpoint or self.connected("AccountName") or self.connected("BlobEndpoint")):
            raise ValueError("names no storage account: give account, endpoint or connection_string")
        if self.client_secret and not (self.tenant_id and self.client_id):
            raise ValueError("client_secret needs tenant_id and client_id")
        return self

    @model_validator(mode="after")
    def _credentials_travel_encrypted(self) -> Self:
        for url in (self.connected("BlobEndpoint"), self.connected("DfsEndpoint")):
            refuse_plain_text({"connection_string": url})
        refuse_plain_text({"endpoint": self.endpoint, "authority": self.authority})
        return self

    def connected(self, part: str) -> str | None:
        """Return ``part`` of the connection string, such as AccountName."""
        text = self.connection_string.get_secret_value() if self.connection_string else ""
        parts = dict(item.split("=", 1) for item in text.split(";") if "=" in item)
        return parts.get(part)

    @property
    def blob_url(self) -> str:
        """URL of the account's blob service."""
        return (self.endpoint or self.connected("BlobEndpoint") or self._derived("blob")).replace(".dfs.", ".blob.")

    @property
    def dfs_url(self) -> str:
        """URL of the account's DFS service."""
        return (self.endpoint or self.connected("DfsEndpoint") or self._derived("dfs")).replace(".blob.", ".dfs.")

    @property
    def account_name(self) -> str:
        """Name of the account; emulators carry it in the path."""
        parts = urlsplit(self.blob_url)
        in_url = parts.path.strip("/") or (parts.hostname or "").partition(".")[0]
        return self.account or self.connected("AccountName") or in_url

    @property
    def folder(self) -> str:
        """Prefix of every key."""
        return object_storage.folder(self.prefix)

    @property
    def url(self) -> str:
        """The container as a data engineer writes it."""
        parts = urlsplit(self.dfs_url)
        host = self.account_name if parts.path.strip("/") else parts.hostname
        return f"abfss://{self.container}@{host}/"

    @property
    def login(self) -> str:
        """Whose credentials are used, for a reader; of several the first, as Azure's command line does."""
        if self.account_key or self.connected("AccountKey"):
            return f"shared key of account {self.account_name}"
        if self.sas_token or self.connected("SharedAccessSignature"):
            return f"shared access signature for account {self.account_name}"
        return f"application {self.client_id}" if self.client_secret else "the Azure credential chain"

    @property
    def entra(self) -> str | None:
        """Address of Entra, if the application logs in there."""
        if not self.login.startswith("application "):
            return None
        authority = self.authority or "login.microsoftonline.com"
        return object_storage.address(authority if "://" in authority else f"https://{authority}")

    def grant(self, verb: Verb) -> str:
        """Return what ``verb`` needs."""
        return f"{_ROLES[verb]} on {self.url}{self.folder}"

    def _derived(self, service: str) -> str:
        suffix = self.connected("EndpointSuffix") or "core.windows.net"
        return f"https://{self.account or self.connected('AccountName')}.{service}.{suffix}"


def plan(settings: AdlsSettings) -> Plan:
    """Say what the check would touch."""
    urls = (settings.blob_url,) if settings.hierarchical_namespace is False else (settings.blob_url, settings.dfs_url)
    return object_storage.plan(
        f"{settings.url}{settings.folder}" if settings.container else None,
        account=settings.account_name,
        connects=tuple(dict.fromkeys(filter(None, (*map(object_storage.address, urls), settings.entra)))),
        principal=settings.login,
        grant=settings.grant,
        write=settings.write,
    )


@check("storage", "adls", settings=AdlsSettings, plan=plan)
def verify(settings: AdlsSettings, probe: Probe) -> None:
    """Reach the account, log in, then list, write, read back and delete under the prefix."""
    probe.driver("azure.storage.blob", "adls")
    probe.driver("azure.storage.filedatalake", "adls")
    probe.reach_url(settings.blob_url, ca_file=settings.ca_file)
    login = adls_session.logged_in(settings, probe)
    if not settings.container:
        message = "the account was reached; no container was verified"
        probe.warn("config.object_not_given", message, "container (storage_bucket)")
        return
    hierarchical = adls_session.is_hierarchical(settings, login, probe)
    if hierarchical and settings.dfs_url != settings.blob_url:
        probe.reach_url(settings.dfs_url, ca_file=settings.ca_file)
    probe.fact(hierarchical_namespace=hierarchical)
    bucket = _bucket(settings, login, probe, hierarchical=hierarchical)
    bucket.accepts_soft_delete = settings.accept_soft_delete
    object_storage.verify(probe, bucket, settings.folder)


def _bucket(settings: AdlsSettings, login: adls_session.Login, probe: Probe, *, hierarchical: bool) -> Bucket:
    client = adls_session.client(settings, login, probe, hierarchical=hierarchical)
    kind = Filesystem if hierarchical else BlobContainer
    return kind(client, url=settings.url, grant=settings.grant, who=settings.login)
