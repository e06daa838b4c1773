"""Servers written in Java: the JDK that runs them, and Maven, which downloads them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.servers.downloads import alone, fetch, program
from tests.servers.providers import Unavailable

NEEDED = 24
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
#: Short-lived servers with little to do, several on one machine.
SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=192M")


def environment() -> dict[str, str]:
    """Return the variables with which scripts find the JDK; raises Unavailable."""
    home = find()
    return {**os.environ, "JAVA_HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ.get('PATH', '')}"}


def find() -> Path:
    """Return the home of a JDK that can run the servers; raises Unavailable, saying where was looked."""
    places = [os.environ.get("JAVA_HOME"), *map(str, sorted(Path("/usr/lib/jvm").glob("*"), reverse=True))]
    on_path = shutil.which("java")
    places.append(str(Path(on_path).resolve().parents[1]) if on_path else None)
    homes = [Path(place) for place in places if place]
    for home in homes:
        release = home / "release"
        found = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.is_file() else None
        if found and int(found[1]) >= NEEDED:
            return home
    looked = ", ".join(map(str, homes)) or "JAVA_HOME, /usr/lib/jvm and the PATH"
    raise Unavailable(f"needs a JDK {NEEDED} or later; looked in {looked}")


def downloaded(name: str, artifacts: tuple[str, ...], finish: Callable[[Path], None] | None = None) -> Path:
    """Return the folder ``name`` of the cache, which holds ``artifacts`` (group:artifact:version:type:classifier).

    Made on first use, and then changed once by ``finish``; raises Unavailable.
    """
    with alone(name) as home:
        if not home.is_dir():
            maven = program("mvn", of=name)
            with tempfile.TemporaryDirectory(dir=home.parent) as temporary:
                made = Path(temporary, name)
                for artifact in artifacts:
                    fetch([maven, "-B", "-q", _COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={made}"])
                if finish:
                    finish(made)
                made.rename(home)
    return home


def unpacked(archive: Path, folder: Path) -> None:
    """Unpack ``archive`` into ``folder``, and remove it."""
    if archive.suffix == ".zip":  # shutil.unpack_archive skips names with two dots, and there are some
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
    else:
        shutil.unpack_archive(archive, folder, filter="tar")
    archive.unlink()
