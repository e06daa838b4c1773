"""Writes what is generated and committed: the JSON Schemas and the key tables of docs/configuration.md.

python -m tests.config.publish
"""

import json
import re
from pathlib import Path

from pytest_floe import registry, schemas
from pytest_floe.config.keys import keys_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"
SCHEMAS = {
    ROOT / "pytest_floe" / "schema" / "floe-config.schema.json": schemas.config_schema,
    ROOT / "pytest_floe" / "schema" / "preflight-report.schema.json": schemas.report_schema,
    ROOT / "pytest_floe" / "schema" / "preflight-evidence.schema.json": schemas.evidence_schema,
}
_TABLE = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """Return the page with its tables renewed."""
    return _TABLE.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", text)


def table(kind: str) -> str:
    model = registry.find(kind).settings
    plain = model.model_json_schema(by_alias=True)["properties"]
    flat = {key: name for name, key in model.flat.items()}
    rows = ["| key | what it says | default | environment variables |", "| --- | --- | --- | --- |"]
    for key in keys_of(model).values():
        names = f"`{key.name}`" + (f" (`{flat[key.name]}`)" if key.name in flat else "")
        field = model.model_fields[key.attribute]
        said = f"{field.description}{' **By reference only.**' if key.secret else ''}"
        default = "required" if field.is_required() else _shown(plain[key.name].get("default"))
        rows.append(f"| {names} | {said} | {default} | {', '.join(f'`{name}`' for name in key.variables)} |")
    return "\n".join(rows) + "\n"


def schema(path: Path) -> str:
    return json.dumps(SCHEMAS[path](), indent=2) + "\n"


def _shown(default: object) -> str:
    return "" if default in (None, "", [], {}) else f"`{json.dumps(default)}`"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    for path in SCHEMAS:
        path.write_text(schema(path))
