"""Counters for Prometheus; labels are route templates and statuses, never parts of a request."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))


class Metrics:
    """The counters of one application; its own registry, so that two of them do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "deid_requests", "Requests", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "deid_request_seconds", "Time to answer", ("route",), buckets=_BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.received = Counter("deid_received_bytes", "Bytes received", registry=self.registry)
        self.in_flight = Gauge("deid_requests_in_flight", "Open requests", registry=self.registry)
        self.jobs = Gauge("deid_jobs", "Jobs by state", ("state",), registry=self.registry)
        self.findings = Counter(
            "deid_findings", "Findings by entity", ("entity",), registry=self.registry
        )

    def count(self, method: str, route: str, status: int, seconds: float, received: int) -> None:
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)
        self.received.inc(received)

    def text(self) -> bytes:
        return generate_latest(self.registry)
