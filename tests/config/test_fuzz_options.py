"""Whatever is given as an option, on the command line, in a variable or in the ini file: options, or all mistakes."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_floe import options

NAMES = ("timeout", "slow", "strict", "wait", "deadline", "check", "config", "report_dir", "termination_log")
values = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["nan", "-inf", "1e400", "0x10", "1_0", "٣", "true", "No", "9" * 5000, "", " ", "\0", "--", "=", "%s"]
    ),
)


class _Given:
    """What the options are read from: a stand-in for pytest's Config, whose parsing is pytest's own affair."""

    def __init__(self, line: dict[str, str], ini: dict[str, str]) -> None:
        self._line = line
        self._ini = ini
        self.invocation_params = pytest.Config.InvocationParams(args=(), plugins=None, dir=Path.cwd())
        self.inipath = Path.cwd() / "pytest.ini"
        self.known_args_namespace = mock.Mock(**{f"floe_{name}": line.get(name) for name in NAMES})

    def getoption(self, name: str) -> object:
        return self._line.get(name.removeprefix("floe_"))

    def getini(self, name: str) -> object:
        return self._ini.get(name.removeprefix("floe_"), [] if name == "floe_check" else "")


some = st.dictionaries(st.sampled_from(NAMES), values)


@given(line=some, variables=some, ini=some)
def test_any_value_is_an_option_or_a_mistake_with_place_and_remedy(
    line: dict[str, str], variables: dict[str, str], ini: dict[str, str]
) -> None:
    given_ = _Given({"env": "prod", **line}, ini)
    environ = {f"FLOE_{name.upper()}": value for name, value in variables.items() if _can_be_a_variable(value)}
    with mock.patch.dict(os.environ, environ):
        try:
            read = options.read(given_)  # type: ignore[arg-type]
        except pytest.UsageError as error:
            for mistake in error.args:
                place, _, rest = mistake.partition(": ")
                assert place.startswith(("--floe-", "FLOE_", "ini option floe_"))
                assert "; use " in rest
            return
    assert 1 <= read.timeout <= 300
    assert 1 <= read.slow <= options.SLOWEST
    assert 0 <= read.wait <= 86_400
    assert isinstance(read.strict, bool)


def _can_be_a_variable(value: str) -> bool:
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False
