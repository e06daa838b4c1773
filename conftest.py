"""For this repository's own tests: pytester, how hard Hypothesis tries, and no silent skips in CI."""

import os
import signal

import pytest

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is for the background jobs of a shell, and would be for the sessions that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # `pytest --floe-env=local` in a checkout needs the [local] extra only
    pass
else:
    settings.register_profile("default", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("nightly", parent=settings.get_profile("default"), max_examples=1000)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With FLOE_NO_SKIPS, a skipped test fails the run: what CI is there to test must have been tested."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if os.environ.get("FLOE_NO_SKIPS") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        count = len(reporter.stats["skipped"])
        reporter.write_line(f"\nFLOE_NO_SKIPS: {count} tests were skipped; see the reasons below", red=True)
