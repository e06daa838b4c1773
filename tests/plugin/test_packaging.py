"""The wheel holds what it must and nothing else, and works as the editable install does."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
ROOT = Path(__file__).parents[2]
TWINS = """
import sys

def test_one_identity(request):
    modules = [name for name in sys.modules if name.split(".")[0] in ("checks", "synthetic")]
    assert modules == []
    assert "pytest_floe.checks.duckdb" in sys.modules
    assert sys.modules["pytest_floe"].__file__.startswith(PREFIX)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_its_data_only(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {name for name in names if ".dist-info/" not in name and ".data/" not in name}

    assert all(name.startswith("pytest_floe/") for name in code)
    assert {"pytest_floe/py.typed", "pytest_floe/report/page.html.j2", "pytest_floe/checks/preflight.py"} <= code
    assert {Path(name).suffix for name in code} <= {".py", ".typed", ".json", ".j2", ".css"}
    assert any(name.startswith("pytest_floe/schema/") for name in code)
    assert not [name for name in names if Path(name).name.startswith(("test_", "conftest")) or "__pycache__" in name]
    for package, folder in (("", "pytest_floe"), ("checks", "checks"), ("synthetic", "synthetic")):
        missing = {path.name for path in (ROOT / folder).glob("*.py")} - {
            Path(name).name for name in code if Path(name).parent == Path("pytest_floe") / package
        }
        assert not missing, f"{folder}: not in the wheel"


def test_an_installed_wheel_is_the_same_plugin(wheel, lab):
    prefix = lab.path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    python = prefix / "bin/python"
    subprocess.run([*PIP, "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)], check=True)
    shared = next(path for path in sys.path if path.endswith("site-packages"))
    site = next(prefix.glob("lib/python*/site-packages"))
    (lab.path / "conftest.py").write_text("")
    lab.pytester.makepyfile(test_twins=f"PREFIX = {str(site)!r}\n{TWINS}")
    lab.configure({"environments": {"prod": {"compute_type": "duckdb"}}})
    command = [str(python), "-m", "pytest", "--floe-env=prod", "-v", "-p", "no:faker", "test_twins.py"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "FLOE"))}
    # The wheel's own site-packages comes first; the rest is borrowed, without the editable install's finder.
    environment["PYTHONPATH"] = os.pathsep.join([str(site), shared])
    result = subprocess.run(command, cwd=lab.path, env=environment, capture_output=True, text=True, check=False)

    assert "checks/preflight.py::test_service[prod-compute-duckdb] PASSED" in result.stdout, (
        result.stdout + result.stderr
    )
    assert "test_one_identity PASSED" in result.stdout, result.stdout
    assert lab.report()["overall_status"] == "pass"


def test_the_editable_install_is_the_same_plugin(lab):
    (lab.path / "conftest.py").write_text("")
    lab.pytester.makepyfile(test_twins=f"PREFIX = {str(ROOT)!r}\n{TWINS}")
    lab.configure({"environments": {"prod": {"compute_type": "duckdb"}}})
    result = lab.run_apart("-v", "test_twins.py")

    assert "checks/preflight.py::test_service[prod-compute-duckdb] PASSED" in result.stdout, result.stdout
    assert "test_one_identity PASSED" in result.stdout, result.stdout
