"""Whatever stands in the files: a configuration or a list of mistakes, never a traceback, never a secret."""

import json
import string
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_floe import registry
from pytest_floe.config import loading
from pytest_floe.config.keys import keys_of
from pytest_floe.config.loading import Configuration
from pytest_floe.config.preflight import PreflightConfig
from pytest_floe.config.problems import ConfigurationProblems

SENTINEL = "sentinel-of-a-secret"
ENVIRON = {"P": SENTINEL, "HOST": "db.example", "AWS_REGION": "eu-west-1", "PGPASSWORD": SENTINEL}


def load(floe: str | bytes, compiled: str | None = None) -> None:
    """Load, and use what was loaded as a run would; mistakes are fine, anything else is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "floe.yaml").write_bytes(floe if isinstance(floe, bytes) else floe.encode("utf-8", "surrogatepass"))
        if compiled is not None:
            (folder / "compiled.json").write_text(compiled, encoding="utf-8", errors="surrogatepass")
        loading.defines(folder / "floe.yaml", "prod")
        said = _said(folder / "floe.yaml")
    assert SENTINEL not in said
    assert "Node(" not in said


def _said(path: Path) -> str:
    try:
        configuration = loading.load(path, "prod", ENVIRON)
    except ConfigurationProblems as error:
        said, problems = str(error), error.problems
    else:
        return _used(configuration)
    assert all(problem.where and problem.message and problem.remedy for problem in problems), problems
    return said


def _used(configuration: Configuration) -> str:
    for target in configuration.targets:
        assert target.plan.endpoint
        assert target.secrets().keys() <= set(type(target.settings).model_fields)
    return "".join(f"{target.shown} {target.origins}" for target in configuration.targets) + configuration.sha256


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "${env:P}", "${env:NOT_SET}", "${file:floe.yaml}", "${", "https://x", "db", "a b", "\0", ":memory:"]
    )
    | st.sampled_from([f"https://u:{SENTINEL}@x", "floe@", f"x://y:{SENTINEL}@z", "http://[", "443", "/tmp"])
)
keys = st.text(max_size=8) | st.integers() | st.sampled_from(["<<", "\0", f"https://u:{SENTINEL}@x"])
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
)


def section(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    keys = keys_of(registry.find(kind).settings)
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, scalars | anything))
    return st.one_of(known, st.dictionaries(st.sampled_from([*keys, "name", "prot"]), scalars, max_size=6))


KINDS = registry.BUILT_IN
flat = dict.fromkeys(PreflightConfig.model_fields, scalars | anything) | {
    "compute_type": st.sampled_from(["trino", "snowflake", "bigquery", "duckdb", "spark"]) | anything,
    "storage_type": st.sampled_from(["s3", "gcs", "adls", "${env:P}"]) | anything,
}
target = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: section(kind).map(lambda keys: {"service": KINDS[kind][0], "kind": kind, **keys})
)
environment = st.fixed_dictionaries(
    {},
    optional={
        **flat,
        **{kind: section(kind) | anything for kind in KINDS},
        "targets": st.lists(target | anything, max_size=3) | anything,
        "compiled_artifacts": st.just("compiled.json") | anything,
        "unknown": anything,
    },
)
file = st.fixed_dictionaries(
    {"environments": st.fixed_dictionaries({"prod": environment | anything})},
    optional={"defaults": environment | anything, "unknown": anything},
)


def as_yaml(data: object) -> str:
    return yaml.safe_dump(data, allow_unicode=True)


@given(file)
def test_any_structure(data: Mapping[str, Any]) -> None:
    load(as_yaml(data))


@given(st.text() | st.binary() | st.text(alphabet=string.printable))
@example("a: \0")
@example(b"\xff\xfe")
@example("environments: &a {prod: *a}")
@example("environments: {prod: {storage_type: !!bool abc}}")
@example("environments: {prod: {? {compute_type: trino} : 1}}")
def test_any_text(text: str | bytes) -> None:
    load(text)


@given(st.text(alphabet="{}[]:,&*!|>'\"%@`#?-<~ \n\t\\abenvprod${}0123456789."))
def test_any_text_that_looks_like_yaml(text: str) -> None:
    load(f"environments:\n  prod: {text}")


profile = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["trino", "duckdb", "s3", "azure", "polaris", "glue"]) | anything,
        "target": st.sampled_from(["bigquery", "redshift"]) | anything,
        "properties": section("trino") | anything,
        "uri": scalars,
        "bucket": scalars,
        "endpoint": st.just({"secret_ref": "p"}) | anything,
        "warehouse": scalars,
        "credentials": st.fixed_dictionaries({}, optional={"secret_ref": st.just("p"), "client_id": anything})
        | anything,
    },
)
compiled = st.fixed_dictionaries(
    {"version": st.sampled_from(["1.0.0", "1.1.0"]) | anything, "metadata": st.just({}) | anything},
    optional={
        "compute": profile | anything,
        "catalog": profile | anything,
        "resolved_profiles": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("compute", "storage", "catalog"), profile)
        )
        | anything,
    },
)


@given(compiled | anything)
def test_any_artifacts(data: object) -> None:
    load("environments: {prod: {compiled_artifacts: compiled.json}}", json.dumps(data, default=str))


@given(st.text())
def test_any_text_as_artifacts(text: str) -> None:
    load("environments: {prod: {compiled_artifacts: compiled.json}}", text)
