"""What becomes of freed memory, for a process that does nothing but generate."""

from __future__ import annotations

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""

_LARGEST_THRESHOLD = 32 << 20
"""The most that every glibc takes on 64 bits."""


def keep_freed_memory() -> None:
    """Have freed arrays used again, where glibc would give them back and have each page zeroed anew.

    Concerns the whole process, so it is for a command, not for a library. Does nothing without glibc.
    """
    import ctypes  # noqa: PLC0415 - for the command alone

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
    mallopt(_TRIM_THRESHOLD, 8 * _LARGEST_THRESHOLD)
