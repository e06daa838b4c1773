"""`python -m pytest_floe.synthetic`."""

import os
import sys

from .errors import MissingExtra, needing
from .process import prepare_process

if __name__ == "__main__":
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by a shell's >&-
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123
    prepare_process()
    try:
        with needing("synthetic"):
            from .cli import main

        status = main()
    except MissingExtra as error:
        sys.stderr.write(f"error: {error}\n")
        status = 1
    except KeyboardInterrupt:  # while libraries were loaded
        status = 130
    sys.exit(status)
