"""`python -m pytest_floe.synthetic`."""

import sys

if __name__ == "__main__":
    try:
        from .cli import main

        status = main()
    except KeyboardInterrupt:  # while libraries were loaded
        status = 130
    sys.exit(status)
