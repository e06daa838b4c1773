"""Text that came from a server or a driver, made fit to be shown to a person."""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

# ECMA-48 control sequences (CSI ... final byte; OSC ... BEL or ST): colours, cursor moves, window titles, links.
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x9b[0-?]*[ -/]*[@-~]")


def visible(text: str, limit: int) -> str:
    """Return ``text``, ``limit`` characters of it at most, as harmless as ``plain`` makes it, but with its lines."""
    head = _ANSI.sub("", text[:limit])
    shown = "".join(char if char in "\n\t" else _shown(char) for char in head)
    return shown + ELLIPSIS if len(text) > limit else shown


def _shown(char: str) -> str:
    return REPLACEMENT if unicodedata.category(char).startswith("C") else char


def plain(text: str, limit: int) -> str:
    """Return ``text`` on one line of at most ``limit`` characters that can neither colour, reorder nor hide others.

    Terminal sequences vanish. Control characters, direction overrides, zero-width characters and lone surrogates
    (Unicode category C) become U+FFFD, so that a reader sees that something was there.
    """
    head = text[: limit * 8]  # the rest can't be shown anyway, and may be megabytes
    line = " ".join(_ANSI.sub("", head).split())
    shown = "".join(map(_shown, line[: limit + 1]))
    cut = len(shown) > limit or len(head) < len(text)
    return shown[: limit - 1].rstrip() + ELLIPSIS if cut else shown
