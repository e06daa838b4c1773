"""S3 of the embedded platform.

moto's server, with its IAM switched on before the first request and without its back doors.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moto import settings
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import IAMBackend, iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from pytest_floe.local.configs import S3Config, S3User
from pytest_floe.local.lifeline import Lifeline

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PARTITION = "aws"
#: moto's own interface can switch IAM off or empty the server, and its metadata service hands out credentials.
_BACK_DOORS = ("/moto-api", "/latest/")
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class SignedOnly:
    """Lets only signed requests through to moto, which trips over unsigned ones."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        back_door = str(environ.get("PATH_INFO")).startswith(_BACK_DOORS)
        if back_door or not environ.get("HTTP_AUTHORIZATION"):
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [_DENIED]
        return self._application(environ, start_response)


def populate(config: S3Config) -> None:
    """Make bucket, users, keys and policies, then switch IAM on."""
    s3_backends[DEFAULT_ACCOUNT_ID][_PARTITION].create_bucket(config.bucket, config.region)
    iam = iam_backends[DEFAULT_ACCOUNT_ID][_PARTITION]
    for user in config.users:
        iam.create_user(config.region, user.name)
        iam.put_user_policy(user.name, f"{user.name}-policy", json.dumps(user.policy))
        _give_key(iam, user)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0


def _give_key(iam: IAMBackend, user: S3User) -> None:
    """Give ``user`` its access key; moto makes one of its own choice, which is replaced."""
    key = iam.create_access_key(user.name)
    del iam.access_keys[key.access_key_id]
    key.access_key_id, key.secret_access_key = user.access_key_id, user.secret_access_key
    iam.access_keys[key.access_key_id] = key


def serve(lifeline: Lifeline) -> None:
    """Serve until the parent ends."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    populate(S3Config.from_json(lifeline.config))
    application = SignedOnly(DomainDispatcherApplication(create_backend_app))
    server = make_server(
        "127.0.0.1",
        0,
        application,
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=lifeline.descriptor,
    )
    lifeline.ready()
    server.serve_forever()
