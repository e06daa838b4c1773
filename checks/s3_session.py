"""Logging in to S3: the SDK's credential chain, a role to assume, and who we are in the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pytest_floe import Finding, Probe, Secret

from . import object_storage
from .s3_bucket import CAUSES, refusal_of
from .s3_guard import Guard

if TYPE_CHECKING:
    from .s3 import S3Settings

_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError")
_ENDED_LOGIN = ("UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError", "LoginRefreshRequired")
_WAYS_TO_LOG_IN = "access_key_id and secret_access_key, a profile, or a role of this machine or pod"
_GOOD_WILL_SECONDS = 1.0


def declared(settings: S3Settings, probe: Probe) -> tuple[Any, str]:
    """Return the SDK's session as the settings declare it, and the URL of the store; no server is asked anything.

    The URL is what the SDK derives from region, partition and profile.
    """
    import boto3  # noqa: PLC0415 - the driver

    with probe.step("driver", lambda error: _explain(error, settings) or _misconfigured(error)):
        session = boto3.Session(
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=_reveal(settings.secret_access_key),
            aws_session_token=_reveal(settings.session_token),
            profile_name=None if settings.access_key_id else settings.profile,
            region_name=settings.region,
        )
        # With made-up keys the SDK does not go looking for credentials.
        made_up: dict[str, Any] = {"aws_access_key_id": "-", "aws_secret_access_key": "-"}
        nobody = session.client("s3", endpoint_url=settings.endpoint, region_name=_region(session), **made_up)
        return session, nobody.meta.endpoint_url


def logged_in(session: Any, settings: S3Settings, probe: Probe) -> Any:
    """Return a session that has credentials, those of the role to assume if there is one."""
    with probe.step("authenticate", lambda error: _explain(error, settings)):
        credentials = session.get_credentials()
        if credentials is None:
            probe.fail("config.missing_credentials", "the AWS credential chain yields nothing", _WAYS_TO_LOG_IN)
        for secret in credentials.get_frozen_credentials()[1:3]:
            probe.secret(secret or "")
        return _assume_role(session, settings, probe) if settings.role_arn else session


def client(session: Any, service: str, settings: S3Settings, remaining: Callable[[], float]) -> Any:
    """Return a client that tries once, and waits for each answer as long as is ``remaining`` in seconds now."""
    from botocore.config import Config  # noqa: PLC0415 - part of the driver

    addressing: Any = {"addressing_style": {None: "auto", True: "path", False: "virtual"}[settings.path_style]}
    timeout = remaining()
    made = session.client(
        service,
        endpoint_url=settings.endpoint if service == "s3" else settings.sts_endpoint or settings.endpoint,
        verify=str(settings.ca_file) if settings.ca_file else None,
        region_name=_region(session),
        config=Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"total_max_attempts": 1, "mode": "standard"},
            s3=addressing,
        ),
    )
    Guard(made, remaining)
    return made


def note_principal(session: Any, settings: S3Settings, probe: Probe) -> None:
    """Say who we are: by STS where that is Amazon's or configured, else by the id of the key."""
    if probe.known_as:
        return
    probe.principal(f"access key {session.get_credentials().access_key}")
    if settings.endpoint and not settings.sts_endpoint:
        return
    try:
        sts = client(session, "sts", settings, lambda: min(_GOOD_WILL_SECONDS, probe.remaining()))
        probe.principal(sts.get_caller_identity()["Arn"])
    except Exception:  # noqa: BLE001 - good to know, and nothing that the workload needs
        return


def _assume_role(session: Any, settings: S3Settings, probe: Probe) -> Any:
    import boto3  # noqa: PLC0415 - the driver

    answer = client(session, "sts", settings, probe.remaining).assume_role(
        RoleArn=settings.role_arn,
        RoleSessionName=f"floe-preflight-{probe.run_id}",
        **({"ExternalId": settings.external_id} if settings.external_id else {}),
    )
    probe.principal(answer["AssumedRoleUser"]["Arn"])
    issued = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=probe.secret(issued["SecretAccessKey"]),
        aws_session_token=probe.secret(issued["SessionToken"]),
        region_name=session.region_name,
    )


def _region(session: Any) -> str:
    return session.region_name or "us-east-1"


def _reveal(secret: Secret | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _misconfigured(error: Exception) -> Finding | None:
    """Explain what the SDK does not take of the environment it shares with every other program."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - part of the driver

    if not isinstance(error, BotoCoreError | ValueError):
        return None
    places = [*sorted(name for name in os.environ if name.startswith("AWS_")), "~/.aws/config", "~/.aws/credentials"]
    subject = f"the AWS SDK's own settings, which come from {', '.join(places)}"
    return Finding("config.invalid", f"{type(error).__name__}: {error}", subject)


def _explain(error: Exception, settings: S3Settings) -> Finding | None:
    name = type(error).__name__
    if name in _NO_CREDENTIALS:
        return Finding("config.missing_credentials", f"{name}: {error}", _WAYS_TO_LOG_IN)
    if name in _ENDED_LOGIN:
        return Finding("authenticate.rejected", f"{name}: {error}", settings.login)
    refusal = refusal_of(error)
    if refusal is None:
        return None
    if refusal.status == HTTPStatus.FORBIDDEN and refusal.code not in CAUSES:
        return Finding("authorize.denied", refusal.text, f"sts:AssumeRole on {settings.role_arn}")
    return object_storage.finding(refusal, "read", causes=CAUSES, grant="", subject=settings.login, asked="AssumeRole")
