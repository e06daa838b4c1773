"""What refusals of Google's services mean where it is no permission that is lacking."""

from __future__ import annotations

_API_DISABLED = ("accessNotConfigured", "SERVICE_DISABLED")
_BY_POLICY = "prohibited by organization's policy"


def hindrance(reason: str, text: str, *, scope: str, login: str, api: str, enable: str, prohibited: str) -> str | None:
    """Return what is to be granted where it is no permission; None if it is one, or something else is wrong.

    ``scope`` is what the credentials ``login`` must be for; ``api`` says which API, and in whose project, ``enable``
    names its service; ``prohibited`` is what a policy of the organization may forbid.
    """
    if "insufficient authentication scopes" in text:
        return f"the scope {scope} to {login}"
    if reason in _API_DISABLED:
        return f"the use of the {api}: gcloud services enable {enable}"
    return f"what the organization's policy prohibits: {prohibited}" if _BY_POLICY in text else None
