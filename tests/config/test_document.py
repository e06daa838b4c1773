"""YAML as the configuration reads it: plain words stay text, mistakes have lines, and no file brings it down."""

import pytest

from pytest_floe.config.document import parse


def plain(text: str) -> object:
    node, problems = parse(text, "floe.yaml")
    assert not problems
    assert node is not None
    return node.plain()


def said(text: str) -> str:
    _, (problem,) = parse(text, "floe.yaml")
    return str(problem)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("off", "off"),
        ("2026-01-31", "2026-01-31"),
        ("12:30", "12:30"),
        ("08443", 8443),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("true", True),
        ("~", None),
        ("", None),
        ('"8443"', "8443"),
        ("!!str 8443", "8443"),
        ("=", "="),
    ],
)
def test_words_mean_what_a_reader_expects(written: str, meant: object) -> None:
    assert plain(f"key: {written}") == {"key": meant}


def test_values_know_their_line_and_path() -> None:
    root, _ = parse("environments:\n  prod:\n    targets:\n    - kind: s3\n", "floe.yaml")
    assert root is not None
    target = root.value["environments"].value["prod"].value["targets"].value[0]
    assert target.value["kind"].where == "floe.yaml:4: environments.prod.targets[0].kind"


def test_merge_keys_bring_in_a_mapping_and_own_keys_win() -> None:
    assert plain("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}")["c"] == {"x": 3, "y": 1, "z": 2}  # type: ignore[index]


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert plain("# nothing yet\n") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1\n", "floe.yaml:3: not YAML: while parsing a flow sequence"),
        ("a: 1\n\tb: 2\n", "floe.yaml:2: not YAML: "),
        ("a: 1\nb: 2\na: 3\n", "floe.yaml:3: a is given twice, first on line 1; keep one of them"),
        ("p:\n  a: 1\n  a: 3\n", "floe.yaml:3: p.a is given twice, first on line 2"),
        ("a: 1\n---\nb: 2\n", "but found another document"),
        ("a: \0", "floe.yaml: not YAML: special characters are not allowed"),
        ("? [a]\n: 1\n", "floe.yaml:1: a key is not a plain word"),
        ("a: !!bool perhaps", "floe.yaml:1: a: has a YAML tag that does not fit"),
        ("a: !!python/object/apply:os.system [ls]\nb: !secret x", "floe.yaml:2: b: has a YAML tag"),
        ("a: " + "9" * 5000, "too long a number"),
        ("a: {<<: [1]}", "merges what is not a mapping"),
    ],
)
def test_mistakes_name_the_place(text: str, message: str) -> None:
    assert message in said(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000,
        "a: &a [*a]",
        "a: &a {<<: *a}",
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    ],
    ids=["deep", "endless", "endless merge", "billion laughs"],
)
def test_what_has_no_end_is_refused_at_once(text: str) -> None:
    assert "nested too deeply, or aliases without end" in said(text)


@pytest.mark.parametrize(
    "written", ["*hunter2hunter2", "!hunter2hunter2! x", "&a hunter2hunter2: [", '"\\hunter2hunter2']
)
def test_what_is_quoted_from_the_file_is_not_shown(written: str) -> None:
    _, problems = parse(f"password: {written}", "floe.yaml")
    assert problems
    assert "hunter2" not in str(problems)
