"""Every cause a finding can have, with the one remedy for it.

The prefix names the class of fault, not the step it happened in. Codes are part of the interface: a code is
never renamed and never re-used for another meaning.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A stable code, what it means, and what to do about it.

    ``remedy`` holds ``{subject}``, which the finding fills with the exact thing to act on: a grant, an
    address, a package, a key of the configuration.
    """

    code: str
    meaning: str
    remedy: str

    @property
    def anchor(self) -> str:
        """Address of this cause in the documentation, relative to the repository."""
        return f"docs/causes.md#{self.code.replace('.', '')}"


_TABLE = (
    # The configuration, before any network.
    ("config.invalid", "The configuration has mistakes; no check was run.", "correct {subject}"),
    ("config.missing_credentials", "No credentials were found for this target.", "give credentials: {subject}"),
    ("config.missing_driver", "The client library of this kind is not installed.", "run: {subject}"),
    ("config.object_not_given", "The target names no bucket, database or warehouse to verify.", "set {subject}"),
    ("config.write_not_allowed", "What the target is to show can't be shown without writing, which is not allowed.",
     "set {subject}"),
    ("config.weak_secret", "A secret is short or equal to a public value, so it cannot be kept out of text reliably.",
     "replace {subject} by a secret of at least 8 characters that is not used as a name"),
    # Name resolution and TCP.
    ("resolve.not_found", "The host name has no address.", "correct the host name, or create its DNS record: {subject}"),
    ("connect.refused", "Nothing accepts connections at this address.",
     "start the service, or correct host and port: {subject}"),
    ("connect.timeout", "No TCP connection came about in time; packets are probably dropped.",
     "open the way in firewalls, security groups and network policies to {subject}"),
    ("connect.unreachable", "There is no route to this address.", "correct routing, VPN or host of {subject}"),
    # TLS.
    ("tls.expired", "The server's certificate has expired.", "renew the certificate of {subject}"),
    ("tls.not_yet_valid", "The server's certificate is not valid yet.",
     "correct the clock, or install the certificate of {subject} when it is valid"),
    ("tls.expires_soon", "The server's certificate expires within 14 days.", "renew the certificate of {subject}"),
    ("tls.untrusted", "The server's certificate is signed by no trusted authority.",
     "set ca_file to the authority's certificate, or install a trusted one at {subject}"),
    ("tls.hostname_mismatch", "The server's certificate is for another host name.",
     "use a host name the certificate carries, or issue one for {subject}"),
    ("tls.handshake_failed", "The server does not speak TLS as expected.",
     "correct port and scheme (TLS or plain text) of {subject}"),
    # Who one is.
    ("authenticate.rejected", "The service refused the credentials.", "correct or renew the credentials of {subject}"),
    ("authenticate.clock_skew", "This machine's clock and the service's are too far apart to log in.",
     "set the clock of this machine by NTP, then look at the one of {subject}"),
    ("authenticate.not_admitted", "The service admits no login of this kind, whatever the credentials.", "admit {subject}"),
    ("authenticate.expires_soon", "The credentials expire within 14 days.", "renew the credentials of {subject}"),
    # What one may do.
    ("authorize.denied", "The principal may not do this.", "grant {subject}"),
    ("authorize.read_denied", "The principal may not read.", "grant {subject}"),
    ("authorize.list_denied", "The principal may not list.", "grant {subject}"),
    ("authorize.write_denied", "The principal may not write.", "grant {subject}"),
    ("authorize.delete_denied", "The principal may not delete.", "grant {subject}"),
    # What the workload does.
    ("operate.not_found", "The service does not have this object.", "create it, or correct its name: {subject}"),
    ("operate.server_error", "The service failed on its side.", "look at the service's own log: {subject}"),
    ("operate.not_ready", "The service is not ready to work.", "wait until it is ready, or look at its health: {subject}"),
    ("operate.unexpected_response", "The answer is not what this protocol answers.",
     "make sure that the address leads to the service itself, not to a proxy or login page: {subject}"),
    ("operate.wrong_content", "What was read back is not what was written.",
     "look for caches, proxies and consistency settings in front of {subject}"),
    ("operate.wrong_location", "What was written lies elsewhere than the configuration says.", "compare {subject}"),
    ("operate.wrong_region", "The object lives in another region than the configuration says.", "set {subject}"),
    ("operate.read_only", "The service takes no writes.", "connect to the primary, or end the read-only mode of {subject}"),
    ("operate.out_of_space", "The service has no space left.", "free or add space at {subject}"),
    ("operate.exhausted", "The service has no connections or slots left.", "free or raise the limit of {subject}"),
    ("operate.suspended", "The compute resource is suspended, so nothing was run on it.",
     "resume it, or allow the check to: {subject}"),
    ("operate.locked", "Another process holds the lock.", "end, or wait for, the process that holds {subject}"),
    ("operate.newer_version", "What is stored was written by a newer version than this client can read.",
     "upgrade the client, or write in an older format: {subject}"),
    ("operate.corrupt", "What is stored is damaged, or of another kind.", "restore it, or correct its name: {subject}"),
    ("operate.retained", "The bucket keeps what is deleted, so a canary would stay.", "{subject}"),
    ("operate.not_removed", "What the check, or an earlier run of it, created could not be removed.", "remove by hand: {subject}"),
    ("operate.failed", "The check itself says no.", "{subject}"),
    # Time.
    ("timeout", "The service was reached and did not finish in time.",
     "look at the load of the service, or raise --floe-timeout: {subject}"),
    ("latency.slow", "A step took longer than the threshold.", "look at load and network path, or raise --floe-slow: {subject}"),
    # What a run must never do.
    ("leak.secret_written", "A secret stood in a file that the run wrote; the file was withheld.",
     "renew the secret, and keep it out of {subject}"),
    # Not verified.
    ("blocked", "Not run, because a service it needs has failed.", "resolve the finding of {subject} first"),
    ("incomplete.not_run", "Expected, and not run.", "run it: {subject}"),
    ("incomplete.worker_crashed", "The process that ran this check died.", "look at the output of the worker, and run it again: {subject}"),
    ("incomplete.no_targets", "Nothing is configured, so nothing was verified.", "declare a service: {subject}"),
    ("incomplete.evidence_damaged", "The record of the run is damaged, so results may be missing.", "run again: {subject}"),
    ("incomplete.check_broken", "The check itself has a defect.", "report the defect, or correct the check: {subject}"),
)  # fmt: skip

CAUSES: dict[str, Cause] = {code: Cause(code, meaning, remedy) for code, meaning, remedy in _TABLE}

#: Causes that say nothing about the service: the check never came to a verdict.
INCOMPLETE = frozenset(code for code in CAUSES if code.startswith("incomplete.") or code == "blocked")


def remedy(code: str, subject: str) -> str:
    """Return the remedy of cause ``code`` for ``subject``; raises KeyError for an unknown code."""
    return CAUSES[code].remedy.replace("{subject}", subject)
