"""Command line, environment variables and ini file: the options of a run, in that order of precedence."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

_ASKED_FOR = pytest.StashKey[list[str]]()
_LISTINGS = (
    *("collectonly", "setupplan", "showfixtures", "show_fixtures_per_test", "showmarkers", "cacheshow"),
    *("help", "version"),
)
#: The options of the ini file, by name: how pytest reads them, and their help.
_INI: dict[str, tuple[Literal["string", "args", "paths"], str]] = {
    "floe_env": ("string", "Environment of a bare --floe-env; never turns the checks on by itself."),
    "floe_config": ("string", "Twin of --floe-config."),
    "floe_check": ("args", "Twin of --floe-check."),
    "floe_timeout": ("string", "Twin of --floe-timeout."),
    "floe_slow": ("string", "Twin of --floe-slow."),
    "floe_strict": ("string", "Twin of --floe-strict."),
    "floe_wait": ("string", "Twin of --floe-wait."),
    "floe_report_dir": ("string", "Twin of --floe-report-dir."),
    "floe_deadline": ("string", "Twin of --floe-deadline."),
    "floe_termination_log": ("string", "Twin of --floe-termination-log."),
    "floe_checks": ("paths", "Files and folders with checks of your own, marked `preflight`."),
}
BARE = "\0bare"  # --floe-env without a name: FLOE_ENV or the ini file gives it

TIMEOUT_RANGE = (1.0, 300.0)
SLOWEST = 3_600_000.0
LONGEST_DEADLINE = 604_800.0
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True)
class Options:
    """What a run was told. ``timeout``, ``wait`` and ``deadline`` are seconds, 0 for none; ``slow`` is milliseconds.

    ``named_by`` says which option, variable or ini option names the file ``config``.
    """

    environment: str
    config: Path | None
    named_by: str
    services: tuple[str, ...]
    timeout: float
    slow: float
    strict: bool
    wait: float
    plan: bool
    report_dir: Path
    deadline: float
    termination_log: Path | None


def add(parser: pytest.Parser) -> None:
    """Declare the options, each with its ini twin."""
    group = parser.getgroup("floe", "preflight checks (pytest-floe)")
    group.addoption(
        "--floe-env",
        nargs="?",
        const=BARE,
        metavar="NAME",
        help="Run the preflight checks of this environment; `local` is built in and needs nothing.",
    )
    group.addoption(
        "--floe-config", metavar="PATH", help="Configuration file (default: floe.yaml in rootdir or above)."
    )
    group.addoption(
        "--floe-check", action="append", metavar="SERVICE", help="Verify this service only; may be repeated."
    )
    group.addoption("--floe-timeout", metavar="SECONDS", help="Deadline of each check, 1 to 300 (default: 30).")
    group.addoption(
        "--floe-slow", metavar="MS", help="A step over this many milliseconds is a warning (default: 1000)."
    )
    group.addoption("--floe-strict", action="store_true", default=None, help="Warnings fail.")
    group.addoption("--floe-wait", metavar="SECONDS", help="Retry what is not ready for this long (default: 0).")
    group.addoption("--floe-plan", action="store_true", help="Say what would be touched, without any network.")
    group.addoption("--floe-report-dir", metavar="DIR", help="Where the report goes (default: preflight-report/).")
    group.addoption("--floe-deadline", metavar="SECONDS", help="End the whole run after this long, with a report.")
    group.addoption(
        "--floe-termination-log", metavar="PATH", help="Write verdict and findings, 4 KiB at most, to this file."
    )
    for name, (kind, said) in _INI.items():
        parser.addini(name, said, kind)


def read(config: pytest.Config) -> Options:
    """Return the options of this run; raises pytest.UsageError with every mistake in them."""
    reader = _Reader(config)
    file, named_by = path(config, "config")
    options = Options(
        environment=reader.environment(),
        config=file,
        named_by=named_by,
        services=reader.services(),
        timeout=reader.number("timeout", 30, *TIMEOUT_RANGE),
        slow=reader.number("slow", 1000, 1, SLOWEST),
        strict=reader.flag("strict"),
        wait=reader.number("wait", 0, 0, 86_400),
        plan=bool(config.getoption("floe_plan")),
        report_dir=report_dir(config),
        deadline=reader.number("deadline", 0, 1, LONGEST_DEADLINE),
        termination_log=termination_log(config),
    )
    reader.mistakes += filter(None, (_ini(config, name)[1] for name in _INI))
    if reader.mistakes:
        raise pytest.UsageError(*reader.mistakes)
    return options


def report_dir(config: pytest.Config) -> Path:
    """Return the folder of the report; conftest files need not have been loaded yet, nor options be correct."""
    return path(config, "report_dir")[0] or config.invocation_params.dir / "preflight-report"


def termination_log(config: pytest.Config) -> Path | None:
    """Return the file that --floe-termination-log names, if it does, as early as ``report_dir``."""
    return path(config, "termination_log")[0]


def path(config: pytest.Config, name: str) -> tuple[Path | None, str]:
    """Return the path that an option, its variable or its ini twin gives, and which does; early, as ``report_dir``.

    One of the ini file is relative to that, as all that pytest reads there, the others to the current folder.
    """
    here = config.invocation_params.dir
    flag, variable, twin = f"--floe-{name.replace('_', '-')}", f"FLOE_{name.upper()}", f"floe_{name}"
    beside_ini = config.inipath.parent if config.inipath else here
    layers = (
        (here, getattr(config.known_args_namespace, twin), flag),
        (here, os.environ.get(variable), variable),
        (beside_ini, _ini(config, twin)[0], f"ini option {twin}"),
    )
    for folder, given, source in layers:
        if given:
            return folder / os.path.expanduser(given), source  # noqa: PTH111 - leaves an unknown user as given
    return None, flag


def only_preflight(config: pytest.Config) -> bool:
    """Tell whether the user named no paths, so that nothing but preflight checks is to be collected."""
    return config.args_source is not pytest.Config.ArgsSource.ARGS


def may_have_own_checks(config: pytest.Config) -> bool:
    """Tell whether marked tests may be collected beside the targets; how many is not known before."""
    return bool(own_checks(config)) or not only_preflight(config)


def own_checks(config: pytest.Config) -> list[Path]:
    """Return the files and folders of the ini list ``floe_checks``."""
    return list(_ini(config, "floe_checks")[0] or ())


def is_own_check(path: Path, config: pytest.Config) -> bool:
    """Tell whether ``path`` lies under one of the ini list ``floe_checks``."""
    return any(path.is_relative_to(place) for place in own_checks(config))


def only_lists(given: argparse.Namespace) -> bool:
    """Tell whether pytest was told to show something instead of running tests."""
    return any(getattr(given, name, False) for name in _LISTINGS)


def narrow_paths(config: pytest.Config) -> None:
    """Collect the checks under the ini list ``floe_checks``: only these, or beside the paths that the user named."""
    own = [str(path) for path in own_checks(config)]
    config.stash[_ASKED_FOR] = [] if only_preflight(config) else list(config.args)
    config.args = [*config.stash[_ASKED_FOR], *own]


def require_environment(config: pytest.Config) -> None:
    """Refuse a command line that asks for what a run without an environment can't give.

    Raises pytest.UsageError. In ``addopts`` and PYTEST_ADDOPTS the same options are defaults of runs with one.
    """
    given = [str(argument) for argument in config.invocation_params.args]
    if alone := [argument for argument in given if argument.startswith("--floe-")]:
        remedy = "add --floe-env=NAME, or --floe-env alone where FLOE_ENV or the ini file names one"
        raise pytest.UsageError(f"{' '.join(alone)}: nothing is verified without --floe-env; {remedy}")


def is_asked_for(path: Path, config: pytest.Config) -> bool:
    """Tell whether ``path`` lies under one that the user named; with --pyargs, any may."""
    folder = config.invocation_params.dir
    asked = config.stash[_ASKED_FOR]
    named = [(folder / argument.partition("::")[0]).resolve() for argument in asked]
    return bool(asked) and (config.option.pyargs or any(path.resolve().is_relative_to(place) for place in named))


def _ini(config: pytest.Config, name: str) -> tuple[Any, str]:
    """Return the value of an option of the ini file, and what is wrong with it; it then counts as not given."""
    try:
        return config.getini(name), ""
    except (pytest.UsageError, TypeError, ValueError) as error:  # the latter two before pytest 9
        said = str(error).rpartition(f"'{name}' ")[2]
    if said.startswith("expects"):  # in a native TOML file
        example = '"..."' if _INI[name][0] == "string" else '["..."]'
        return None, f"ini option {name}: {said}; write {name} = {example}"
    return None, f"ini option {name}: {said}; close it, or put a backslash before the quotation mark"


class _Reader:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.mistakes: list[str] = []

    def _layers(self, name: str) -> Iterator[tuple[Any, str]]:
        variable = f"FLOE_{name.upper()}"
        yield self.config.getoption(f"floe_{name}"), f"--floe-{name.replace('_', '-')}"
        yield os.environ.get(variable) or None, variable
        yield _ini(self.config, f"floe_{name}")[0] or None, f"ini option floe_{name}"

    def _first(self, name: str) -> tuple[Any, str]:
        return next(((value, source) for value, source in self._layers(name) if value is not None), (None, ""))

    def environment(self) -> str:
        given = self.config.getoption("floe_env")
        name = given if given != BARE else os.environ.get("FLOE_ENV") or _ini(self.config, "floe_env")[0]
        if not name:
            self.mistakes.append("--floe-env: names no environment; write --floe-env=NAME, or set FLOE_ENV")
        return str(name)

    def services(self) -> tuple[str, ...]:
        value, _ = self._first("check")
        words = [value] if isinstance(value, str) else value or []
        return tuple(dict.fromkeys(name for word in words for name in word.replace(",", " ").split()))

    def number(self, name: str, default: float, least: float, most: float) -> float:
        value, source = self._first(name)
        if value is None:
            return default
        number = _or_none(float, value)
        if number is None or not least <= number <= most:
            self.mistakes.append(f"{source}: {value!r} does not fit; use a number from {least:.0f} to {most:.0f}")
            return default
        return number

    def flag(self, name: str) -> bool:
        value, source = self._first(name)
        word = str(value).strip().lower() if value is not None else ""
        if word not in _TRUE + _FALSE:
            self.mistakes.append(f"{source}: {value!r} does not fit; use true or false")
        return word in _TRUE


def _or_none(convert: Callable[[str], float], text: str) -> float | None:
    try:
        return convert(text)
    except ValueError:
        return None
