"""Ending the process in time although an abandoned check left threads behind that Python would wait for."""

from __future__ import annotations

import os
import sys
import threading
import time

PATIENCE_SECONDS = 2.0


def leave_promptly(status: int) -> None:
    """Let the interpreter, once it shuts down, wait PATIENCE_SECONDS at most for threads that are no daemons.

    A check runs in a daemon thread, but a driver may have started others inside it (a pool of concurrent.futures,
    for one), and an interpreter joins those before it ends, however long they hang. Call this only if a check was
    abandoned; ``status`` is the exit status then. It does nothing as long as the process goes on working, as when
    pytest was called from a program.
    """

    def end() -> None:
        time.sleep(PATIENCE_SECONDS)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    # concurrent.futures hooks in at the same place; Python offers no public one before it joins threads.
    register = getattr(threading, "_register_atexit", None)
    if register:
        register(lambda: threading.Thread(target=end, daemon=True).start())
