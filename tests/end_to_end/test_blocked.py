"""A storage that lets nobody write any more: one finding, and of the catalog only the writing is blocked."""

from __future__ import annotations

import pytest

from tests.end_to_end.conftest import run
from tests.end_to_end.lake import ALL_GRANTS, allow, configured


@pytest.fixture
def read_only(platform):
    allow(platform, {**ALL_GRANTS, "Statement": ALL_GRANTS["Statement"][:1]})
    yield platform
    allow(platform, ALL_GRANTS)


@pytest.mark.parametrize("way", [(), ("-n4",)], ids=["alone", "with workers"])
def test_a_revoked_grant_blocks_exactly_the_writing_of_the_catalog(tmp_path, read_only, way):
    done = run(tmp_path, "--floe-env=lake", *way, **configured(tmp_path, read_only))

    assert done.status == 1, done.output
    assert {name: (check["status"], check["details"]["cause"]) for name, check in done.checks.items()} == {
        "storage": ("error", "authorize.write_denied"),
        "catalog": ("error", "blocked"),
        "compute": ("ok", None),
        "postgres": ("ok", None),
    }
    catalog = done.checks["catalog"]["details"]
    assert catalog["blocked_by"] == ["lake-storage-s3"]
    outcomes = {step["name"]: step["outcome"] for step in catalog["steps"]}
    assert outcomes.pop("wait") == "failed"
    assert {"authenticate", "operate.config", "authorize.list"} <= outcomes.keys()
    assert set(outcomes.values()) == {"ok"}
    assert "NOT READY  2 errors, 2 ok, 1 of them not verified" in done.output
