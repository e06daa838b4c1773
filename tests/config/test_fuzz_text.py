"""All that YAML can say, and no configuration should: anchors, merges, tags, duplicates, depth, numbers without end."""

from __future__ import annotations

import string

from hypothesis import example, given
from hypothesis import strategies as st

from pytest_floe import registry
from pytest_floe.config.keys import keys_of
from pytest_floe.config.preflight import PreflightConfig
from tests.config.test_fuzz import SENTINEL, load

words = st.sampled_from(
    [
        "null",
        "~",
        "yes",
        "off",
        "0",
        "-1",
        "0x1F",
        "0o17",
        "1_000",
        "190:20:30",
        "1e999",
        ".nan",
        "-.inf",
        "9" * 5000,
        "1." + "0" * 5000,
        "x" * 3000,
        "2024-02-30",
        "2024-01-01T25:61:61Z",
        "=",
        "<<",
        "''",
        r'"\ud800"',
        r'"\0"',
        r'"\u202e"',
        "Ünïcödé",
        "🧊",
        "!!int x",
        "!!float x",
        "!!timestamp x",
        "!!binary '%'",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!pairs [a]",
        "!!python/object/apply:os.getpid []",
        "!no x",
        "${env:P}",
        "${env:}",
        "${file:}",
        "${file:.}",
        "${file:/dev/null}",
        "${env:P}${env:P}",
        "$${env:P}",
        f"https://u:{SENTINEL}@x",
        "trino",
        "s3",
    ]
)
names = st.sampled_from(
    [
        "environments",
        "defaults",
        "prod",
        "targets",
        "service",
        "kind",
        "name",
        "compiled_artifacts",
        "<<",
        "? [a]",
        "1",
        *PreflightConfig.model_fields,
        *registry.BUILT_IN,
        *keys_of(registry.find("trino").settings),
        *keys_of(registry.find("postgres").settings),
    ]
)
anchored = st.sampled_from(["", "", "", "&a ", "&b "])


def _flow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return sequences and mappings in flow style, keys maybe twice."""
    pairs = st.lists(st.tuples(names, inner), max_size=4)
    mapping = pairs.map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items) + "}")
    sequence = st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
    return st.builds(lambda anchor, node: anchor + node, anchored, mapping | sequence)


nodes = st.recursive(words | st.sampled_from(["*a", "*b"]), _flow, max_leaves=12)
sections = st.lists(st.tuples(names, nodes), max_size=6)


@given(shared=nodes, own=sections)
@example(shared="&a {compute_type: trino}", own=[("<<", "*a"), ("<<", "[*a, *a]")])
@example(shared="&a [*a]", own=[("targets", "*a")])
def test_any_yaml_in_an_environment(shared: str, own: list[tuple[str, str]]) -> None:
    lines = "".join(f"    {key}: {value}\n" for key, value in own)
    load(f"defaults: {shared}\nenvironments:\n  prod:\n{lines}")


@given(nodes)
def test_any_yaml_as_a_file(text: str) -> None:
    load(text)


@given(st.integers(1, 5000), st.sampled_from(["[", "{a: ", "- ", "? "]))
def test_any_depth(depth: int, opening: str) -> None:
    load(f"environments: {{prod: {opening * depth}" if opening in "[{a: " else f"environments:\n  {opening * depth}x")


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_aliases_that_would_grow_without_end(order: list[str]) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, len(order) + 1)]
    load("l0: &l0 x\n" + "\n".join(levels) + f"\nenvironments: {{prod: {{targets: *l{len(order)}}}}}")


@given(st.text(alphabet=string.ascii_letters + "${}:/.\\'\"%\0\n é\U0001f9ca", max_size=30))
def test_any_reference(text: str) -> None:
    quoted = text.replace("'", "''").replace("\0", "")
    load(f"environments: {{prod: {{postgres_host: h, postgres: {{password: '${{env:{quoted}}}', user: '{quoted}'}}}}}}")
    load(f"environments: {{prod: {{postgres_host: h, postgres: {{password: '${{file:{quoted}}}'}}}}}}")
