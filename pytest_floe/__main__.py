"""``python -m pytest_floe``: what is useful beside a run of pytest."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from pytest_floe import schemas

_SCHEMAS = {"config": schemas.config_schema, "report": schemas.report_schema}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pytest_floe", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True)
    schema = commands.add_parser("schema", help="print the JSON Schema of floe.yaml or of the report")
    schema.add_argument("of", choices=sorted(_SCHEMAS))
    given = parser.parse_args(arguments)
    sys.stdout.write(json.dumps(_SCHEMAS[given.of](), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
