"""What it means when an Iceberg REST catalog refuses an operation."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_floe import Finding

from .rest import RefusedError
from .scratch_table import Explain

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 400, 401, 403, 404
_SERVER_ERROR = 500
#: Refusals that Nessie (seen in 0.99) sends as HTTP 500, by what they say, and the status that the specification has.
_SENT_AS_500 = {"AccessCheckException: ": _FORBIDDEN, "IllegalStateException: Warehouse '": _NOT_FOUND}


@dataclass(frozen=True)
class Refusals:
    """Translates refusals for one principal, ``who``, in one ``place``: a catalog, or a namespace of it.

    ``anonymous`` says that no credentials were sent.
    """

    place: str
    who: str
    realm: str | None
    anonymous: bool

    def of(self, privilege: str, denied: str, missing: str | None = None) -> Explain:
        """Return the translation for an operation that needs ``privilege``.

        ``denied`` is the cause if that is lacking; ``missing`` names what is not there if the answer is 404.
        """

        def explain(error: Exception) -> Finding | None:
            if not isinstance(error, RefusedError):
                return None
            kind = _kind(error)
            if "Realm" in kind:
                return error.finding("operate.not_found", f"realm {self.realm or '(none given)'}")
            status = _meant(error)
            if status == _UNAUTHORIZED:
                return self._unauthorized(error)
            if status == _FORBIDDEN:
                return error.finding(denied, f"{privilege} on {self.place} to {self.who}")
            if missing and kind and status in (_BAD_REQUEST, _NOT_FOUND):
                return error.finding("operate.not_found", missing)
            return error.finding()

        return explain

    def of_dropping(self, what: str) -> Explain:
        """Return the translation for dropping ``what``, TABLE or NAMESPACE."""
        return self.of(f"{what}_DROP", "authorize.delete_denied")

    def _unauthorized(self, error: RefusedError) -> Finding:
        if self.anonymous:
            return error.finding("config.missing_credentials", "polaris.client_id and polaris.client_secret")
        return error.finding("authenticate.rejected", self.who)


def _meant(error: RefusedError) -> int:
    """Return the status, or the one that the specification has for what the answer says."""
    said = str(error) if error.status == _SERVER_ERROR else ""
    return next((status for start, status in _SENT_AS_500.items() if said.startswith(start)), error.status)


def _kind(error: RefusedError) -> str:
    """Return the type of the specification's ErrorModel, or an empty text."""
    model = error.body.get("error")
    return str(model.get("type") or "") if isinstance(model, dict) else ""
