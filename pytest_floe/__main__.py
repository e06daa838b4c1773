"""``python -m pytest_floe``: what is useful beside, and after, a run of pytest."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_floe import rescue, schemas
from pytest_floe.account import UnusableError
from pytest_floe.report.writing import EVIDENCE_NAME

_UNUSABLE = 4
_SCHEMAS = {"config": schemas.config_schema, "evidence": schemas.evidence_schema, "report": schemas.report_schema}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status, which for a report is its verdict: 0 pass, 1 not, 4 if there is none."""
    parser = argparse.ArgumentParser(prog="python -m pytest_floe", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True)
    schema = commands.add_parser(
        "schema", help="print the JSON Schema of floe.yaml, the report, or a line of its record"
    )
    schema.add_argument("of", choices=sorted(_SCHEMAS))
    schema.set_defaults(command=_schema)
    report = commands.add_parser("report", help=f"make the reports of a run from the {EVIDENCE_NAME} that it left")
    report.add_argument("folder", metavar="DIR", type=Path, help="the folder of the report")
    report.add_argument("--termination-log", metavar="PATH", type=Path, help="as --floe-termination-log of a run")
    report.set_defaults(command=_report)
    given = parser.parse_args(arguments)
    return int(given.command(given))


def _schema(given: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(_SCHEMAS[given.of](), indent=2) + "\n")
    return 0


def _report(given: argparse.Namespace) -> int:
    path = given.folder / EVIDENCE_NAME
    try:
        report = rescue.report_on(given.folder, given.termination_log, sys.stdout)
    except UnusableError as error:
        return _refuse(f"{path}: {error}; name the report folder of a run")
    except OSError as error:
        return _refuse(f"{error.filename or path}: {error.strerror}; name the report folder of a run")
    return int(report.overall_status != "pass")


def _refuse(said: str) -> int:
    sys.stderr.write(f"error: {said}\n")
    return _UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
