"""`python -m pytest_floe.synthetic`."""

import sys

from .errors import MissingExtra, needing

if __name__ == "__main__":
    try:
        with needing("synthetic"):
            from .allocator import keep_freed_memory
            from .cli import main

        keep_freed_memory()
        status = main()
    except MissingExtra as error:
        sys.stderr.write(f"error: {error}\n")
        status = 1
    except KeyboardInterrupt:  # while libraries were loaded
        status = 130
    sys.exit(status)
