"""How a process that does nothing but generate is set up; before NumPy is imported."""

from __future__ import annotations

import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""

_LARGEST_THRESHOLD = 32 << 20
"""The most that every glibc takes on 64 bits."""


def prepare_process() -> None:
    """Set up what concerns the whole process, and so is for a command, not for a library."""
    # NumPy starts a thread for every core, which for a while waits for linear algebra at full speed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have freed arrays used again, where glibc would give them back and have each page zeroed anew.

    Does nothing without glibc.
    """
    import ctypes  # noqa: PLC0415 - for the command alone

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
    mallopt(_TRIM_THRESHOLD, 8 * _LARGEST_THRESHOLD)
