"""The answers that say no, in the words of the Iceberg REST OpenAPI specification and of RFC 6749."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pyiceberg import exceptions

_TYPES: tuple[tuple[type[Exception], int, str], ...] = (
    (exceptions.NoSuchTableError, 404, "NoSuchTableException"),
    (exceptions.NoSuchNamespaceError, 404, "NoSuchNamespaceException"),
    (exceptions.TableAlreadyExistsError, 409, "AlreadyExistsException"),
    (exceptions.NamespaceAlreadyExistsError, 409, "AlreadyExistsException"),
    (exceptions.NamespaceNotEmptyError, 409, "NamespaceNotEmptyException"),
    (exceptions.CommitFailedException, 409, "CommitFailedException"),
    (FileNotFoundError, 404, "NotFoundException"),
    (PermissionError, 403, "ForbiddenException"),
    (exceptions.ValidationError, 400, "BadRequestException"),
    (ValueError, 400, "BadRequestException"),  # pydantic's validation errors are among them
    (KeyError, 400, "BadRequestException"),
)


class CatalogError(Exception):
    """A refusal: HTTP ``status``, the specification's ``type``, and a message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind

    @classmethod
    def of(cls, error: Exception) -> CatalogError:
        """Return the refusal that an exception of PyIceberg, or of the storage under it, stands for."""
        if isinstance(error, cls):
            return error
        for raised, status, kind in _TYPES:
            if isinstance(error, raised):
                return cls(status, kind, str(error))
        return cls(500, "InternalServerError", f"{type(error).__name__}: {error}")

    @classmethod
    def of_status(cls, status: int) -> CatalogError:
        """Return the refusal of a request that leads to no operation, such as an unknown path."""
        phrase = HTTPStatus(status).phrase
        return cls(status, phrase.title().replace(" ", "") + "Exception", phrase)

    @property
    def body(self) -> dict[str, Any]:
        """The specification's ErrorModel."""
        return {"error": {"message": str(self), "type": self.kind, "code": self.status}}


class OAuthError(Exception):
    """A refusal of the token endpoint (RFC 6749, 5.2): ``code`` is its error code."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        """The specification's OAuthError."""
        return {"error": self.code, "error_description": str(self)}
