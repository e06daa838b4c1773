"""Logging in to an Azure storage account: shared key, shared access signature, or a token of Entra."""

from __future__ import annotations

import base64
import importlib
import json
import urllib.parse
from typing import TYPE_CHECKING, Any

from pytest_floe import Finding, Probe, Secret, shortened

from . import guarded_requests
from .adls_bucket import explained, refusal_of
from .adls_hierarchical import require_listing

if TYPE_CHECKING:
    from .adls import AdlsSettings

#: What the SDK takes as credential: a shared key, a signature, or something that gets tokens.
Login = Any

_SCOPE = "https://storage.azure.com/.default"
_WAYS_TO_LOG_IN = "account_key, sas_token, connection_string, client_id with client_secret, or a managed identity"


def logged_in(settings: AdlsSettings, probe: Probe) -> Login:
    """Return credentials; those of Entra have proved that they get a token."""
    with probe.step("authenticate", lambda error: _explain(error, settings)):
        probe.principal(settings.login)
        if key := _first(settings.account_key, settings.connected("AccountKey")):
            return {"account_name": settings.account_name, "account_key": probe.secret(key)}
        if signature := _first(settings.sas_token, settings.connected("SharedAccessSignature")):
            return _signature(probe, signature.removeprefix("?"))
        issuer = _issuer(settings, probe)
        _note_token(probe, issuer.get_token(_SCOPE).token)
        return issuer


def is_hierarchical(settings: AdlsSettings, login: Login, probe: Probe) -> bool:
    """Tell whether the account has a hierarchical namespace; if it does not say so, the endpoint's name decides."""
    if settings.hierarchical_namespace is not None:
        return settings.hierarchical_namespace
    with probe.step("authenticate.account", lambda error: _explain(error, settings)):
        try:
            told = client(settings, login, probe, hierarchical=False).get_account_information()
        except Exception as error:
            finding = _explain(error, settings)
            if finding is None or finding.cause.startswith("authenticate."):
                raise
            return ".dfs." in (settings.endpoint or "")
        return bool(told.get("is_hns_enabled"))


def client(settings: AdlsSettings, login: Login, probe: Probe, *, hierarchical: bool) -> Any:
    """Return the SDK's client of the container, which tries once and for as long as there is time."""
    transport = _transport(settings, probe)
    if hierarchical:
        make = _part("azure.storage.filedatalake").FileSystemClient
        return make(
            settings.dfs_url, settings.container, credential=login, raw_response_hook=require_listing, **transport
        )
    make = _part("azure.storage.blob").ContainerClient
    return make(settings.blob_url, settings.container, credential=login, **transport)


def _transport(settings: AdlsSettings, probe: Probe, *, trusting: bool = True) -> dict[str, Any]:
    seconds = probe.remaining()
    requests = _part("requests")
    guard = guarded_requests.adapter(requests, probe.remaining, settings.ca_file if trusting else None)
    session = guarded_requests.session(requests, guard)
    times = {"connection_timeout": seconds, "read_timeout": seconds}
    transport = _part("azure.core.pipeline.transport").RequestsTransport(session=session, session_owner=False, **times)
    return {"retry_total": 0, "transport": transport}


def _first(secret: Secret | None, connected: str | None) -> str | None:
    return secret.get_secret_value() if secret else connected


def _signature(probe: Probe, signature: str) -> Login:
    told = urllib.parse.parse_qs(signature)
    probe.secret(told.get("sig", [""])[0])
    probe.fact(sas_permissions=told.get("sp", [""])[0], sas_expires=told.get("se", [""])[0])
    return _part("azure.core.credentials").AzureSasCredential(probe.secret(signature))


def _issuer(settings: AdlsSettings, probe: Probe) -> Login:
    identity = _part("azure.identity")
    cloud: dict[str, Any] = {"authority": settings.authority} if settings.authority else {}
    # A private authority for a private endpoint says nothing about Microsoft's own issuer.
    transport = _transport(settings, probe, trusting=bool(settings.authority or not settings.endpoint))
    if settings.client_secret:
        return identity.ClientSecretCredential(
            settings.tenant_id,
            settings.client_id,
            settings.client_secret.get_secret_value(),
            disable_instance_discovery=bool(settings.authority),
            **cloud,
            **transport,
        )
    return identity.DefaultAzureCredential(
        managed_identity_client_id=settings.client_id,
        workload_identity_client_id=settings.client_id,
        exclude_powershell_credential=True,
        exclude_developer_cli_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_shared_token_cache_credential=True,
        **cloud,
        **transport,
    )


def _note_token(probe: Probe, token: str) -> None:
    """Say who the token is for; the storage account, not this check, verifies it (RFC 7519, 3)."""
    payload = probe.secret(token).split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload[0] + "=="))
    except (IndexError, ValueError):
        return
    who = claims.get("upn") or claims.get("appid") or claims.get("oid")
    if who:
        probe.principal(f"{who} (object {claims.get('oid', 'unknown')})")


def _part(name: str) -> Any:
    """Return a module of the driver, which is imported only where a target needs it."""
    return importlib.import_module(name)


def _explain(error: Exception, settings: AdlsSettings) -> Finding | None:
    names = {cls.__name__ for cls in type(error).__mro__}
    text = shortened(str(error), 250)
    if "CredentialUnavailableError" in names or "DefaultAzureCredential failed" in text:
        return Finding("config.missing_credentials", text, _WAYS_TO_LOG_IN)
    if isinstance(error, ValueError):
        return Finding("authenticate.rejected", f"the credentials are malformed: {text}", settings.login)
    refusal = refusal_of(error)
    if refusal is None and "ClientAuthenticationError" in names:
        return Finding("authenticate.rejected", text, settings.login)
    named = {"grant": settings.grant("read"), "who": settings.login, "url": settings.url}
    return explained(refusal, "read", asked="logging in", **named)
