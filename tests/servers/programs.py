"""The programs of the servers that run natively, in the versions that the tests expect.

Each function returns where a program is, fetched or built on first use; raises Unavailable. Nothing here needs the
project's own requirements, so that ``python -m tests.servers.prepare`` can run before they are installed.
"""

from __future__ import annotations

from pathlib import Path

from tests.servers import go, java
from tests.servers.downloads import alone, fetch, program
from tests.servers.environment import environment

KEYCLOAK, NESSIE, TRINO, AZURITE = "26.4.0", "0.99.0", "476", "3.35.0"
#: Of the Keycloak that is installed; a container is told the same.
KEYCLOAK_ADMIN, KEYCLOAK_PASSWORD = "floe-admin", "floe-admin-s3cret"
_TRINO_PLUGINS = ("memory", "tpch", "iceberg")


def minio() -> Path:
    """MinIO: five minutes of building."""
    return go.built("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c")


def fake_gcs_server() -> Path:
    """fake-gcs-server: three minutes of building."""
    return go.built("github.com/fsouza/fake-gcs-server", "v1.56.1")


def nessie() -> Path:
    """Nessie's archive: 245 MB."""
    home = java.downloaded(f"nessie-{NESSIE}", (f"org.projectnessie.nessie:nessie-quarkus:{NESSIE}:jar:runner",))
    return home / f"nessie-quarkus-{NESSIE}-runner.jar"


def trino() -> Path:
    """Trino's home: 570 MB."""
    core = f"trino-server-core-{TRINO}"

    def set_up(folder: Path) -> None:
        java.unpacked(folder / f"{core}.tar.gz", folder)
        _move_up(folder / core)
        for plugin in _TRINO_PLUGINS:
            java.unpacked(folder / f"trino-{plugin}-{TRINO}.zip", folder / "plugin")

    plugins = [f"io.trino:trino-{plugin}:{TRINO}:zip" for plugin in _TRINO_PLUGINS]
    return java.downloaded(f"trino-server-{TRINO}", (f"io.trino:trino-server-core:{TRINO}:tar.gz", *plugins), set_up)


def keycloak() -> Path:
    """Keycloak's home: 160 MB, built for the database that is used, which ``initial`` holds with an administrator."""

    def set_up(folder: Path) -> None:
        java.unpacked(folder / f"keycloak-quarkus-dist-{KEYCLOAK}.tar.gz", folder)
        _move_up(folder / f"keycloak-{KEYCLOAK}")
        env = keycloak_environment(folder / "initial") | {"FLOE_PASSWORD": KEYCLOAK_PASSWORD}
        fetch([folder / "bin" / "kc.sh", "build", "--db=dev-file"], env)
        admin = ["--username", KEYCLOAK_ADMIN, "--password:env", "FLOE_PASSWORD", "--no-prompt"]
        fetch([folder / "bin" / "kc.sh", "bootstrap-admin", "user", "--optimized", *admin], env)

    artifact = f"org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:tar.gz"
    return java.downloaded(f"keycloak-{KEYCLOAK}", (artifact,), set_up)


def keycloak_environment(database: Path) -> dict[str, str]:
    """Return the variables with which Keycloak keeps its state in the folder ``database``."""
    return {
        **java.environment(),
        "KC_DB_URL": f"jdbc:h2:file:{database}/keycloak;NON_KEYWORDS=VALUE",
        "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx384m",
        "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1 --add-opens=java.base/java.lang=ALL-UNNAMED",
    }


def azurite() -> Path:
    """Azurite's blob service, a script for node: 186 MB."""
    program("node", of="Azurite")
    with alone(f"azurite-{AZURITE}") as home:
        main = home / "node_modules/azurite/dist/src/blob/main.js"
        if not main.is_file():
            npm = program("npm", of="Azurite")
            fetch([npm, "install", "--prefix", str(home), "--no-audit", "--no-fund", f"azurite@{AZURITE}"])
    return main


def bqemulator() -> Path:
    """The environment of the BigQuery emulator: 600 MB."""
    spatial = "duckdb-extension-spatial==1.5.5"
    return environment("bqemulator", "bqemulator==1.4.0", "duckdb==1.5.5", spatial, "numpy")


def fakesnow() -> Path:
    """The environment of the Snowflake emulator: 335 MB."""
    connector = "snowflake-connector-python<5"
    return environment("fakesnow", "fakesnow[server]==0.11.18", "duckdb==1.5.5", connector, "uvicorn")


def _move_up(folder: Path) -> None:
    """Put what ``folder`` holds in its place."""
    for part in folder.iterdir():
        part.rename(folder.parent / part.name)
    folder.rmdir()
