"""Reports to render: invented, of every shape a run can end in."""

from datetime import UTC, datetime, timedelta

from pytest_floe.report.models import (
    Configuration,
    ConfigurationError,
    Details,
    PreflightReport,
    PreflightResult,
    Run,
    Scope,
    StepResult,
    overall_status,
)

START = datetime(2026, 3, 12, 9, 41, 7, tzinfo=UTC)
WALK = (
    "resolve",
    "connect",
    "tls",
    "authenticate",
    "authorize.list",
    "operate.write",
    "operate.read",
    "operate.delete",
)


def check(
    service, kind, status="ok", message="wrote, read back and deleted", *, name=None, remediation=None, **details
):
    """A result; ``details`` override the plausible ones of a check that walked all its steps."""
    name = name or kind
    steps = [StepResult(name=step, outcome="ok", duration_ms=7 * number) for number, step in enumerate(WALK, start=1)]
    plausible = {"endpoint": f"{name}.prod.example", "steps": steps, "scope": "read-write", "principal": "floe-prod"}
    return PreflightResult(
        service=service,
        status=status,
        message=message,
        duration_ms=sum(step.duration_ms for step in (plausible | details)["steps"]),
        remediation=remediation,
        details=Details(target=f"prod-{service}-{name}", kind=kind, name=name, **(plausible | details)),
    )


def report(checks, *, expected=None, errors=(), scope=None, **fields):
    """A report of ``checks``; all of them were expected unless ``expected`` says otherwise."""
    expected = [c.details.target for c in checks] if expected is None else expected
    scope = scope or Scope()
    plausible = {
        "timestamp": START,
        "overall_status": overall_status(expected, checks, strict=scope.strict),
        "environment": "prod",
        "duration_ms": 2104,
        "plugin_version": "0.1.0",
        "config": Configuration(path="floe.yaml", sha256="5f1c" * 16, errors=list(errors)),
        "run": Run(
            id="8c1f03ab",
            start=START,
            end=START + timedelta(seconds=2),
            host="ci-7",
            user="floe",
            ci_url="https://ci.example/runs/4182",
            git_commit="3d1f0a9c2b7e",
            arguments=["--floe-env=prod"],
        ),
    }
    return PreflightReport(expected=expected, scope=scope, checks=checks, **(plausible | fields))


def with_findings():
    """Two errors, one warning, five ok of which one read-only, one not run."""
    broken = [StepResult(name="connect", outcome="ok", duration_ms=9)]
    broken += [StepResult(name="operate.write", outcome="failed", duration_ms=31)]
    return report(
        [
            check("compute", "trino", scope="read-only", workers=4),
            check("compute", "duckdb", name="scratch"),
            check(
                "postgres",
                "postgres",
                "warning",
                "operate.write took 1,840 ms, threshold 1,000 ms",
                remediation="look at load and network path",
                cause="latency.slow",
                step="operate.write",
            ),
            check(
                "storage",
                "s3",
                "error",
                "PutObject refused for role floe-prod (AccessDenied)",
                remediation="grant s3:PutObject on arn:aws:s3:::floe-warehouse/floe/*",
                endpoint="s3://floe-warehouse/floe",
                cause="authorize.write_denied",
                step="operate.write",
                steps=broken,
            ),
            check("storage", "gcs", name="archive"),
            check("storage", "adls", name="cold"),
            check(
                "storage",
                "s3",
                "error",
                "not run: the session stopped before it",
                name="replica",
                remediation="run it: prod-storage-replica",
                cause="incomplete.not_run",
                steps=[],
                scope=None,
                principal=None,
            ),
            check(
                "catalog",
                "polaris",
                "error",
                "the certificate expired on 2026-03-01",
                remediation="renew the certificate of polaris.prod.example",
                cause="tls.expired",
                step="tls",
                steps=[StepResult(name="tls", outcome="failed", duration_ms=18)],
                scope=None,
                principal=None,
            ),
            check("catalog", "polaris", name="mirror"),
        ]
    )


def with_a_root():
    """A storage that fails, a catalog and an engine that it blocks, and a database that is none of its business."""
    blocked = {"cause": "blocked", "step": "wait", "blocked_by": ["prod-storage-s3"], "scope": None}
    said = "went no further, for it needs prod-storage-s3, which failed (authorize.write_denied)"
    way_out = "resolve the finding of prod-storage-s3 first"
    return report(
        [
            check(
                "storage",
                "s3",
                "error",
                "PutObject refused for role floe-prod (AccessDenied)",
                remediation="grant s3:PutObject on arn:aws:s3:::floe-warehouse/floe/*",
                cause="authorize.write_denied",
                step="operate.write",
            ),
            check("catalog", "polaris", "error", said, remediation=way_out, **blocked),
            check("compute", "trino", "error", said, remediation=way_out, **blocked),
            check("postgres", "postgres"),
        ]
    )


def all_green():
    """Four checks, all of which read and wrote."""
    return report(
        [check("compute", "trino"), check("storage", "s3"), check("catalog", "polaris"), check("postgres", "postgres")]
    )


def misconfigured():
    """A run that ended before any check."""
    return report(
        [],
        expected=[],
        errors=[
            ConfigurationError(
                where="floe.yaml:12 environments.prod.storage_buket",
                message="unknown key 'storage_buket'",
                remedy="did you mean storage_bucket?",
            ),
            ConfigurationError(
                where="floe.yaml:21 environments.prod.postgres.password",
                message="a credential in clear text",
                remedy='write a reference: "${env:DAGSTER_PG_PASSWORD}"',
            ),
        ],
    )


def of_size(count):
    """As many checks as ``count``: every tenth failed, every tenth slow."""
    return report([_one_of_many(number) for number in range(count)])


def _one_of_many(number):
    if number % 10 == 3:
        return check(
            "storage",
            "s3",
            "error",
            f"PutObject refused for role floe-prod on bucket-{number} (AccessDenied)",
            name=f"bucket-{number}",
            remediation=f"grant s3:PutObject on arn:aws:s3:::bucket-{number}/floe/*",
            cause="authorize.write_denied",
            step="operate.write",
        )
    if number % 10 == 7:
        return check(
            "storage",
            "s3",
            "warning",
            "took 1,840 ms",
            name=f"bucket-{number}",
            cause="latency.slow",
            remediation="look at load",
        )
    return check("storage", "s3", name=f"bucket-{number}", region="eu-west-1", versioning="Enabled", server="AmazonS3")
