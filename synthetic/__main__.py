"""`python -m pytest_floe.synthetic`."""

import sys

if __name__ == "__main__":
    try:
        from .allocator import keep_freed_memory
        from .cli import main

        keep_freed_memory()
        status = main()
    except KeyboardInterrupt:  # while libraries were loaded
        status = 130
    sys.exit(status)
