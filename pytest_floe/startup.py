"""From the command line to a run that is ready to begin; or to a report that says why there is none."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from pytest_floe import options
from pytest_floe.collecting import NODE_ID
from pytest_floe.config import loading
from pytest_floe.config.loading import LOCAL, Configuration
from pytest_floe.config.problems import ConfigurationProblems, Problem, nearest
from pytest_floe.config.targets import Target
from pytest_floe.context import Context, identity_of
from pytest_floe.local.platform import LocalPlatform
from pytest_floe.options import Options
from pytest_floe.registry import kinds
from pytest_floe.report import models, termination, writing
from pytest_floe.report.building import Outline, this_run
from pytest_floe.secrets import Scrubber
from pytest_floe.verdict import Judge


@dataclass(frozen=True)
class Selection:
    """The targets of a run, and those that --floe-check left out."""

    configuration: Configuration
    targets: tuple[Target, ...]
    left_out: tuple[Target, ...]


def refused_options(config: pytest.Config) -> list[Problem]:
    """Return what is wrong with options and settings that are not this plugin's own, or name what is not there."""
    return [*_of_workers(config), *_of_own_checks(config), *_of_last_failed(config), *_of_node_ids(config)]


def _of_workers(config: pytest.Config) -> list[Problem]:
    """Return what is wrong with the workers of pytest-xdist that were asked for."""
    problems = []
    if getattr(config.option, "dist", "no") == "each":
        remedy = "use --dist=load, or another that shares the tests out"
        problems.append(Problem("--dist=each", "would run every check once in each worker", remedy))
    remote = [spec for spec in getattr(config.option, "tx", None) or () if not re.match(r"(\d+\*)?popen", spec)]
    if remote:
        said = "workers elsewhere would check from elsewhere, with this machine's secrets"
        problems.append(Problem(f"--tx={remote[0]}", said, "use -n"))
    return problems


def _of_own_checks(config: pytest.Config) -> list[Problem]:
    missing = [path for path in options.own_checks(config) if not path.exists()]
    return [Problem("ini option floe_checks", f"{path} does not exist", "correct or remove it") for path in missing]


def _of_last_failed(config: pytest.Config) -> list[Problem]:
    """Refuse what keeps pytest from collecting the files in which nothing failed, so that their checks are unknown."""
    if not getattr(config.option, "lf", False):
        return []
    said = "would leave out checks before anybody knows of them"
    return [Problem("--last-failed", said, "use --floe-check=SERVICE or -k to narrow a run, or --failed-first")]


def _of_node_ids(config: pytest.Config) -> list[Problem]:
    """Refuse the node ids of built-in checks, which are nowhere on disk."""
    given = [argument for argument in map(str, config.args) if f"{NODE_ID}::" in argument]
    files = [config.invocation_params.dir / argument.partition("::")[0] for argument in given]
    return [
        Problem(argument, "names a built-in check, which has no file of its own", "use --floe-check=SERVICE")
        for argument, file in zip(given, files, strict=True)
        if not file.exists()
    ]


def is_builtin_local(given: Options, config: pytest.Config) -> bool:
    """Tell whether the environment is the embedded one; a file may define its own ``local``.

    Raises ConfigurationProblems for a file that is named and not there: it may be meant to define ``local``.
    """
    return given.environment == LOCAL and not loading.defines(_file(given, config), LOCAL)


def select(given: Options, config: pytest.Config, local: dict[str, object] | None) -> Selection:
    """Load the configuration and narrow it as --floe-check says; ``local`` is the embedded environment, if it is that.

    Raises ConfigurationProblems.
    """
    if local is not None:
        configuration = loading.from_mapping(LOCAL, local, config.rootpath)
    else:
        configuration = loading.load(_file(given, config), given.environment, os.environ)
    # Which services marked tests are of is known when they are collected; what finds none then fails the report.
    own = options.may_have_own_checks(config)
    chosen = _chosen(given, configuration.targets, may_have_own_checks=own)
    left_out = tuple(target for target in configuration.targets if target not in chosen)
    return Selection(configuration, chosen, left_out)


def _file(given: Options, config: pytest.Config) -> Path | None:
    return loading.find_file(given.config, given.named_by, config.rootpath)


def _chosen(given: Options, targets: tuple[Target, ...], *, may_have_own_checks: bool) -> tuple[Target, ...]:
    if not given.services:
        return targets
    known = {*kinds().values(), *(target.service for target in targets)}
    unknown = [service for service in given.services if service not in known]
    if unknown and not may_have_own_checks:
        problems = [Problem("--floe-check", f"unknown service {name!r}", nearest(name, known)) for name in unknown]
        raise ConfigurationProblems(problems)
    return tuple(target for target in targets if target.service in given.services)


def listed(config: pytest.Config) -> Context:
    """Return the context of a run that only lists or plans: nothing is started, no report is touched."""
    given = options.read(config)
    local = LocalPlatform().outline() if is_builtin_local(given, config) else None
    return context_of(given, select(given, config, local))


def context_of(given: Options, selection: Selection) -> Context:
    """Return a context with a run id and a private folder of its own."""
    return Context(
        environment=given.environment,
        run_id=secrets.token_hex(4),
        run_dir=Path(tempfile.mkdtemp(prefix="pytest-floe-")),
        report_dir=given.report_dir,
        timeout=given.timeout,
        slow=given.slow,
        strict=given.strict,
        wait=given.wait,
        targets=selection.targets,
        services=given.services,
        ends=time.monotonic() + given.deadline if given.deadline else None,
    )


def outline_of(given: Options, selection: Selection, context: Context, config: pytest.Config) -> Outline:
    """Return the report as far as it is known before any check runs."""
    path = selection.configuration.path
    return Outline(
        environment=given.environment,
        expected=[identity_of(target) for target in selection.targets],
        scope=models.Scope(
            narrowed_to=list(given.services),
            strict=given.strict,
            not_verified=[target.id for target in selection.left_out],
        ),
        config=models.Configuration(path=str(path) if path else None, sha256=selection.configuration.sha256),
        run=this_run(context.run_id, _arguments(config, context.scrubber), config.rootpath),
        slow_ms=given.slow,
        left_out=list(dict.fromkeys(target.service for target in selection.left_out)),
    )


def read_options(config: pytest.Config) -> Options:
    """Return the options after moving an earlier report aside; a mistake is reported as ``refuse`` does."""
    folder, (_, named_by) = options.report_dir(config), options.path(config, "report_dir")
    try:
        move_report_aside(config)
    except BlockingIOError as error:  # whose report it is must not be touched
        said = f"{named_by}: another run is writing its report to {folder}; name another folder, or wait for it"
        termination.say(f"NOT READY  {said}\n", options.termination_log(config))
        raise pytest.UsageError(said) from error
    except OSError as error:
        reason = f"{error.strerror}: {folder}"
        said = f"{named_by}: can't be written ({reason}); name a writable folder"
        termination.say(f"NOT READY  {said}\n", options.termination_log(config))
        raise pytest.UsageError(said) from error
    try:
        return options.read(config)
    except pytest.UsageError as error:
        problems = [Problem(*_halves(str(mistake))) for mistake in error.args]
        raise refuse(problems, config, folder) from error


def move_report_aside(config: pytest.Config) -> None:
    """Move an earlier report aside; raises OSError, BlockingIOError if another run is about its own in the same place.

    Conftest files need not have been loaded yet.
    """
    folder = options.report_dir(config)
    termination.begin(options.termination_log(config))
    writing.claim(folder)
    config.add_cleanup(partial(writing.release, folder))
    writing.move_aside(folder)


def refuse(
    problems: Iterable[Problem], config: pytest.Config, folder: Path, path: str | None = None
) -> pytest.UsageError:
    """Write a report that fails with ``problems``, and return the error that makes pytest exit with status 4."""
    problems = list(problems)
    errors = [models.ConfigurationError(**vars(problem)) for problem in problems]
    _write_empty(config, folder, models.Configuration(path=path, errors=errors))
    return pytest.UsageError(str(ConfigurationProblems(problems)))


def give_up(config: pytest.Config, folder: Path, why: str) -> None:
    """Write a report that fails because the run ended before it knew what to expect."""
    _write_empty(config, folder, models.Configuration(), why)


def _write_empty(config: pytest.Config, folder: Path, configuration: models.Configuration, why: str = "") -> None:
    environment = config.getoption("floe_env")
    outline = Outline(
        environment=environment if environment != options.BARE else None,
        expected=[],
        scope=models.Scope(),
        config=configuration,
        run=this_run(secrets.token_hex(4), _own_arguments(config), config.rootpath),
        given_up=why,
    )
    scrubber = Scrubber()
    report = outline.report({}, "", Judge(scrubber, 0))
    termination.write(report, options.termination_log(config), scrubber)
    writing.write(report, folder, scrubber)


def _halves(mistake: str) -> tuple[str, str, str]:
    where, _, rest = mistake.partition(": ")
    message, _, remedy = rest.partition("; ")
    return where, message, remedy


def _own_arguments(config: pytest.Config) -> list[str]:
    """Return the plugin's own options alone: which values are secret is not known where the configuration is broken."""
    given = map(str, config.invocation_params.args)
    return [argument for argument in given if argument.startswith("--floe-")]


def _arguments(config: pytest.Config, scrubber: Scrubber) -> list[str]:
    return [scrubber.scrub(str(argument)) for argument in config.invocation_params.args]
