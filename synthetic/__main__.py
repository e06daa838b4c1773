"""`python -m pytest_floe.synthetic`."""

import sys

from .errors import MissingExtra, needing
from .process import prepare_process

if __name__ == "__main__":
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
