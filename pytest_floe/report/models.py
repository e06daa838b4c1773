"""The report: what is written as JSON, and what every other output is made from."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1.0"

Status = Literal["ok", "warning", "error"]


class Model(BaseModel):
    """Base of everything in the report: unknown fields are errors, so that file and schema can't drift apart."""

    model_config = ConfigDict(extra="forbid")


class StepResult(Model):
    """One timed step of a check."""

    name: str = Field(description="A rung of the ladder, or a named part of one, e.g. operate.write.")
    outcome: Literal["ok", "failed", "abandoned", "running"]
    duration_ms: int


class Notice(Model):
    """A further finding of a check, beside the one that gives the status."""

    cause: str
    message: str
    remediation: str


class Details(BaseModel):
    """Diagnostic information; a kind of service adds fields of its own."""

    model_config = ConfigDict(extra="allow")

    target: str = Field(description="Target id, ENV-SERVICE-NAME, as in the report's `expected`.")
    kind: str
    name: str
    endpoint: str = Field("", description="What was checked, in short, e.g. trino.prod:8443 or s3://bucket/prefix.")
    cause: str | None = Field(None, description="Stable code of the finding; docs/causes.md lists all.")
    step: str | None = Field(None, description="The step that broke.")
    steps: list[StepResult] = []
    blocked_by: list[str] = Field([], description="Ids of the targets whose failure kept this check from going on.")
    scope: Literal["read-write", "read-only"] | None = Field(None, description="What a green result verified.")
    principal: str | None = Field(None, description="As whom the check logged in.")
    notices: list[Notice] = Field([], description="Warnings beside the finding.")
    left_behind: list[str] = Field([], description="What the check created and could not remove, by name.")
    swept: list[str] = Field([], description="Leftovers of crashed earlier runs that this run removed.")
    attempts: int = Field(1, description="How often the check ran until this result, with --floe-wait.")
    waited_ms: int = Field(
        0, ge=0, description="Time from the first attempt to this result, with --floe-wait; 0 if there was but one."
    )


class PreflightResult(Model):
    """Result of one preflight check."""

    service: str = Field(description="compute, storage, catalog, postgres, or what a plug-in adds.")
    status: Status
    message: str
    duration_ms: int = Field(ge=0)
    remediation: str | None = None
    details: Details


class ConfigurationError(Model):
    """A mistake in the configuration."""

    code: Literal["config_not_found", "config_invalid", "missing_credentials"] = "config_invalid"
    where: str = Field(description="File, line and key path.")
    message: str
    remedy: str


class Configuration(Model):
    """Which configuration was verified."""

    path: str | None = Field(None, description="The configuration file; null for the built-in `local`.")
    sha256: str | None = Field(None, description="Digest of the resolved values without secrets.")
    errors: list[ConfigurationError] = []


class Run(Model):
    """Which run made this report."""

    id: str
    start: datetime
    end: datetime
    host: str
    user: str
    ci_url: str | None = None
    git_commit: str | None = None
    arguments: list[str] = []


class Scope(Model):
    """What the run was told to verify."""

    narrowed_to: list[str] = Field([], description="Services named by --floe-check; empty: all.")
    strict: bool = Field(False, description="Warnings fail (--floe-strict).")
    not_verified: list[str] = Field([], description="Ids of configured targets that --floe-check left out.")

    def includes(self, service: str) -> bool:
        """Tell whether checks of ``service`` are to be run."""
        return not self.narrowed_to or service in self.narrowed_to


class PreflightReport(Model):
    """Aggregate of all preflight checks of one run."""

    timestamp: datetime
    overall_status: Literal["pass", "fail"]
    environment: str | None = None
    duration_ms: int = Field(0, ge=0)
    schema_version: str = SCHEMA_VERSION
    plugin_version: str
    expected: list[str] = Field(description="Target ids that had to be verified.")
    scope: Scope = Scope()
    config: Configuration
    run: Run
    checks: list[PreflightResult]

    def counts(self) -> dict[str, int]:
        """Return how many checks have each status, worst first."""
        return {status: sum(c.status == status for c in self.checks) for status in ("error", "warning", "ok")}


def overall_status(expected: list[str], checks: list[PreflightResult], *, strict: bool) -> Literal["pass", "fail"]:
    """Return ``pass`` only if something was expected, all of it has a result, and none of them fails."""
    failing = {"error", "warning"} if strict else {"error"}
    have = {check.details.target for check in checks}
    verified = bool(expected) and have >= set(expected) and not any(check.status in failing for check in checks)
    return "pass" if verified else "fail"


def as_json(report: PreflightReport) -> dict[str, Any]:
    """Return the report as plain builtins, times as RFC 3339 in UTC."""
    return report.model_dump(mode="json")
