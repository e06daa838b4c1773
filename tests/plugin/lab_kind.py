"""The kind `lab`: a service whose behaviour a test can choose. This text becomes the conftest.py of a run."""

import contextlib
import ctypes
import logging
import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pytest_floe import Plan, Secret, Settings, check, setting


class LabSettings(Settings):
    """``behave`` names a function below; ``folder`` is where checks leave traces, and wait for those of others."""

    behave: str = setting("ok", "what the service does")
    password: Secret | None = setting(None, "sign in with this", env=("LAB_PASSWORD",))
    database: str | None = setting(None, "a name")
    folder: str = setting("traces", "traces of what ran")
    me: str = setting("", "name of the trace")


def ok(settings, probe):
    with probe.step("operate"):
        pass


def fail(settings, probe):
    with probe.step("authorize.write"):
        probe.fail("authorize.denied", "no grant for you", "INSERT on lab")


def warn(settings, probe):
    probe.warn("config.object_not_given", "no object", "lab.object")


def slow(settings, probe):
    with probe.step("operate"):
        time.sleep(0.05)


def chatty(settings, probe):
    with probe.step("operate"):
        logging.getLogger("lab.sdk").debug("hello")


def hang(settings, probe):
    with probe.step("operate"):
        trace(settings, "hangs")
        threading.Event().wait()


def late(settings, probe):
    """Hang until a test lets go, then want to write."""
    with probe.step("operate"):
        while not Path(settings.folder, "go").exists():
            time.sleep(0.01)
    trace(settings, "wrote")


def hang_in_a_pool(settings, probe):
    """Hang in a thread that Python waits for before it ends, as the thread pools of SDKs have them."""
    with probe.step("operate"):
        ThreadPoolExecutor().submit(threading.Event().wait).result()


def unreachable(settings, probe):
    probe.reached = False
    with probe.step("connect"):
        threading.Event().wait()


def hold_the_interpreter(settings, probe):
    with probe.step("operate.query"):
        trace(settings, "holds")
        ctypes.PyDLL(None).sleep(1000)


def hold_the_interpreter_at_last(settings, probe):
    with probe.step("operate"):
        until_a_test_lets_go(settings)
    hold_the_interpreter(settings, probe)


def until_a_test_lets_go(settings):
    trace(settings, "works")
    while not Path(settings.folder, "go").exists():
        time.sleep(0.01)


def die(settings, probe):
    with probe.step("operate"):
        os._exit(0)


def leave_process(settings, probe):
    raise SystemExit(0)


def raise_error(settings, probe):
    with probe.step("authenticate"):
        raise ConnectionError(f"cannot log in at postgresql://floe:{settings.password.get_secret_value()}@lab/db")


def write(settings, probe):
    """Log in, then write what needs others."""
    with probe.step("authenticate"):
        trace(settings, "login")
    probe.await_needs()
    with probe.step("operate.write"):
        trace(settings, "wrote")


def fail_at_last(settings, probe):
    """Fail when a test lets go."""
    with probe.step("operate"):
        until_a_test_lets_go(settings)
    fail(settings, probe)


def fail_beside_one_that_hangs(settings, probe):
    with probe.step("operate"):
        while not list(Path(settings.folder).glob("*.hangs")):
            time.sleep(0.01)
    fail(settings, probe)


def write_on_the_second_try(settings, probe):
    """Be ready only after having waited for others, and then at the second attempt."""
    probe.await_needs()
    with probe.step("operate.write"):
        if len(list(Path(settings.folder).glob(f"{settings.me}.*.ran"))) < 2:
            probe.fail("operate.not_ready", "starting up")


def die_at_last(settings, probe):
    """Die when a test lets go."""
    with probe.step("operate"):
        until_a_test_lets_go(settings)
    die(settings, probe)


def hang_at_first(settings, probe):
    """Hang in two attempts, each until its deadline."""
    if len(list(Path(settings.folder).glob(f"{settings.me}.*.ran"))) < 3:
        hang(settings, probe)


def meet(settings, probe):
    """Wait until three checks are at it."""
    with probe.step("operate"):
        while len(list(Path(settings.folder).glob("*.meets"))) < 3:
            trace(settings, "meets")
            time.sleep(0.01)


def create(settings, probe):
    """Leave a canary, then hang."""
    canary = Path(settings.folder) / probe.canary_name("file")
    kept = probe.canary(str(canary), lambda: canary.unlink(missing_ok=True))
    with probe.step("operate.write"):
        Path(settings.folder).mkdir(exist_ok=True)
        canary.write_text(probe.signature)
        kept.made()
    hang(settings, probe)


def create_in_vain(settings, probe):
    """Ask for a canary that the service only makes when a test lets go."""
    canary = Path(settings.folder) / probe.canary_name("file")
    probe.canary(str(canary), lambda: canary.unlink(missing_ok=True))
    with probe.step("operate.write"):
        trace(settings, "asked")
        while not Path(settings.folder, "go").exists():
            time.sleep(0.01)
        canary.write_text(probe.signature)


def create_in_vain_in_time(settings, probe):
    """Give up waiting for the creation just before the deadline, as SDKs do."""
    probe.canary("floe-preflight-unanswered", lambda: None)
    with probe.step("operate.write"):
        raise TimeoutError("read timed out")


def remove_and_hang(settings, probe):
    remove(settings, probe)
    hang(settings, probe)


def remove_and_die(settings, probe):
    remove(settings, probe)
    die(settings, probe)


def remove(settings, probe):
    kept = probe.canary("floe-preflight-removed", lambda: None)
    with probe.step("operate.delete"):
        kept.remove()


def create_and_die(settings, probe):
    probe.canary("floe-preflight-stays", lambda: None).made()
    die(settings, probe)


def create_and_hold_the_interpreter(settings, probe):
    probe.canary("floe-preflight-stays", lambda: None).made()
    hold_the_interpreter(settings, probe)


def die_in_removing(settings, probe):
    probe.canary("floe-preflight-stays", lambda: os._exit(0)).made()
    hang(settings, probe)


def take_time_to_remove(settings, probe):
    probe.canary("floe-preflight-goes", lambda: 1 / (probe.remaining() > 1)).made()
    hang(settings, probe)


def hang_in_removing(settings, probe):
    """Leave two canaries, of which one can be removed."""
    with probe.step("operate.write"):
        probe.canary("floe-preflight-stays", threading.Event().wait).made()
        probe.canary("floe-preflight-goes", lambda: None).made()


def undeletable(settings, probe):
    kept = probe.canary("floe-preflight-stays", lambda: 1 / 0)
    with probe.step("operate.write"):
        kept.made()


def undeletable_and_hanging(settings, probe):
    undeletable(settings, probe)
    hang(settings, probe)


def third_time(settings, probe):
    with probe.step("operate"):
        if len(list(Path(settings.folder).glob(f"{settings.me}.*.ran"))) < 3:
            probe.fail("operate.not_ready", "starting up")


def leave_something_at_first(settings, probe):
    write_while_starting(settings, probe, removable_from=99)


def remove_at_last(settings, probe):
    write_while_starting(settings, probe, removable_from=2)


def write_while_starting(settings, probe, removable_from):
    """Not be ready at the first of two attempts, nor remove anything before attempt ``removable_from``."""
    attempts = lambda: len(list(Path(settings.folder).glob(f"{settings.me}.*.ran")))  # noqa: E731
    if attempts() > 1:
        return
    old = "floe-preflight-20200101t000000z-00c0ffee-old"
    probe.sweep(old, "pytest-floe canary; safe to delete; run 00c0ffee", lambda: None)
    kept = probe.canary("floe-preflight-first", lambda: 1 / (attempts() >= removable_from))
    with probe.step("operate"):
        kept.made()
        probe.fail("operate.not_ready", "starting up")


def tell_everything(settings, probe):
    """Put the password where careless software puts passwords."""
    password = settings.password.get_secret_value()
    print(f"printed {password}")  # noqa: T201
    logging.getLogger("lab.sdk").debug("logged %s", {"Authorization": password})
    warnings.warn(f"warned of {password}", stacklevel=1)
    probe.fact(password=password, nested={"in": [password]})
    probe.warn("latency.slow", f"noticed {password}")
    with contextlib.suppress(KeyError), probe.step("authenticate"):
        probe.fail("authenticate.rejected", f"rejected {password!r}", f"user with {password}")


def trace(settings, what):
    Path(settings.folder).mkdir(exist_ok=True)
    (Path(settings.folder) / f"{settings.me}.{what}").write_text(str(os.getpid()))


@check("lab", "lab", settings=LabSettings, plan=lambda settings: Plan(endpoint=f"lab:{settings.behave}"))
def verify(settings, probe):
    if settings.behave == "nothing":
        return
    with probe.step("connect"):
        probe.reached = True
        trace(settings, f"{time.monotonic_ns()}.ran")
    globals()[settings.behave](settings, probe)
    probe.ok("works")
