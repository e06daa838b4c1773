"""The catalog over HTTP: routes, tokens, realm and the form of errors (Iceberg REST OpenAPI specification)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pytest_floe.local.catalog_errors import CatalogError, OAuthError
from pytest_floe.local.catalog_operations import Answer, Call, Operations
from pytest_floe.local.catalog_tokens import TokenIssuer
from pytest_floe.local.configs import DELETE, READ, WRITE, CatalogConfig

_NAMESPACE = "/namespaces/{namespace}"
_TABLE = f"{_NAMESPACE}/tables/{{table}}"
#: Method and path of each operation, under /v1/{prefix}, with the action that a token must allow.
_OPERATIONS: tuple[tuple[str, str, str, Callable[[Operations, Call], Answer]], ...] = (
    ("GET", "/namespaces", READ, Operations.list_namespaces),
    ("POST", "/namespaces", WRITE, Operations.create_namespace),
    ("HEAD", _NAMESPACE, READ, Operations.namespace_exists),
    ("GET", _NAMESPACE, READ, Operations.load_namespace),
    ("DELETE", _NAMESPACE, DELETE, Operations.drop_namespace),
    ("POST", f"{_NAMESPACE}/properties", WRITE, Operations.update_namespace),
    ("GET", f"{_NAMESPACE}/tables", READ, Operations.list_tables),
    ("POST", f"{_NAMESPACE}/tables", WRITE, Operations.create_table),
    ("HEAD", _TABLE, READ, Operations.table_exists),
    ("GET", _TABLE, READ, Operations.load_table),
    ("POST", _TABLE, WRITE, Operations.commit_table),
    ("DELETE", _TABLE, DELETE, Operations.drop_table),
    ("POST", f"{_TABLE}/metrics", READ, Operations.report_metrics),
    ("POST", "/tables/rename", WRITE, Operations.rename_table),
    ("POST", "/transactions/commit", WRITE, Operations.commit_transaction),
)

Endpoint = Callable[[Request], Awaitable[Response]]


class CatalogApp:
    """Ties requests to operations; ``asgi`` is the application to serve."""

    def __init__(self, config: CatalogConfig, operations: Operations) -> None:
        self._config = config
        self._operations = operations
        self._issuer = TokenIssuer(config.principals, config.token_lifetime)
        routes = [
            Route("/v1/oauth/tokens", self._token, methods=["POST"]),
            Route("/v1/config", self._configuration, methods=["GET"]),
            # Starlette lets HEAD into every GET route, so the HEAD routes stand first.
            *(
                Route(f"/v1/{{prefix}}{path}", self._endpoint(action, operation), methods=[method])
                for method, path, action, operation in _OPERATIONS
            ),
        ]
        self.asgi = Starlette(
            routes=routes,
            exception_handlers={CatalogError: _refuse, OAuthError: _refuse_token, HTTPException: _refuse_path},
        )

    async def _token(self, request: Request) -> Response:
        self._check_realm(request)
        answer = self._issuer.issue(await request.body(), request.headers.get("authorization"))
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def _configuration(self, request: Request) -> Response:
        self._authorize(request, READ)
        self._check_warehouse(request.query_params.get("warehouse"))
        return JSONResponse(
            {
                "defaults": {"default-base-location": self._config.location},
                "overrides": {"prefix": self._config.warehouse},
                "endpoints": [f"{method} /v1/{{prefix}}{path}" for method, path, _, _ in _OPERATIONS],
            }
        )

    def _endpoint(self, action: str, operation: Callable[[Operations, Call], Answer]) -> Endpoint:
        async def answer(request: Request) -> Response:
            self._authorize(request, action)
            self._check_warehouse(request.path_params["prefix"])
            try:
                call = Call(request.path_params, request.query_params, _parse(await request.body()))
                body = await run_in_threadpool(operation, self._operations, call)
            except Exception as error:  # every failure has to have the form of the specification
                raise CatalogError.of(error) from error
            return Response(status_code=204) if body is None else JSONResponse(body)

        return answer

    def _authorize(self, request: Request, action: str) -> None:
        self._check_realm(request)
        self._issuer.grant(request.headers.get("authorization")).demand(action)

    def _check_realm(self, request: Request) -> None:
        named = request.headers.get("polaris-realm")
        if self._config.realm and named and named != self._config.realm:
            raise CatalogError(404, "MissingOrInvalidRealm", f"Unknown realm: {named}")

    def _check_warehouse(self, warehouse: str | None) -> None:
        if not warehouse:
            raise CatalogError(400, "BadRequestException", "Please specify a warehouse")
        if warehouse != self._config.warehouse:
            raise CatalogError(404, "NotFoundException", f"Unable to find warehouse {warehouse}")


def _parse(body: bytes) -> dict[str, Any]:
    parsed = json.loads(body or b"{}")
    if not isinstance(parsed, dict):
        raise CatalogError(400, "BadRequestException", "The body is not a JSON object")
    return parsed


async def _refuse(_request: Request, error: Exception) -> Response:
    refusal = CatalogError.of(error)
    challenge = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None  # noqa: PLR2004 - Unauthorized
    return JSONResponse(refusal.body, refusal.status, challenge)


async def _refuse_token(_request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, OAuthError) else OAuthError(500, "server_error", str(error))
    return JSONResponse(refusal.body, refusal.status)


async def _refuse_path(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse(CatalogError.of_status(status).body, status)
