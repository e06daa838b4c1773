"""Which addresses would show a credential to whoever listens on the network."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def stays_on_this_machine(url: str) -> bool:
    """Tell whether the host of ``url`` is a loopback name or address."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def refuse_plain_text(urls: dict[str, str | None], way_out: str = "") -> None:
    """Raise ValueError if one of ``urls``, by the key it was given in, leads over the network without TLS.

    ``way_out`` says what else helps, beside https.
    """
    for key, url in urls.items():
        if url and urlsplit(url).scheme == "http" and not stays_on_this_machine(url):
            raise ValueError(f"a credential would travel unencrypted: write https in {key}{way_out}")
