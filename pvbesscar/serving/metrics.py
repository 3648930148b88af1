"""What Prometheus scrapes."""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from schemas.dispatch import DispatchResponse

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class Metrics:
    """Counters and gauges of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        own = self.registry
        self.requests = Counter("pvbesscar_requests", "Requests by path and status", ["path", "status"], registry=own)
        self.seconds = Histogram(
            "pvbesscar_dispatch_seconds", "Time that a dispatch took", buckets=BUCKETS, registry=own
        )
        self.replaced = Counter(
            "pvbesscar_replaced", "Answers of the rule in the controller's place", ["reason"], registry=own
        )
        self.guards = Counter("pvbesscar_guards", "Setpoints that a limit decided", ["guard"], registry=own)
        self.clock_back = Counter("pvbesscar_clock_back", "Hours asked after a later one", registry=own)
        self.ready = Gauge("pvbesscar_ready", "1 while what is served is what was evaluated", registry=own)
        self.bess_kw = Gauge("pvbesscar_bess_setpoint_kw", "Latest setpoint of the battery", registry=own)
        self.sockets_kw = Gauge("pvbesscar_sockets_setpoint_kw", "Latest setpoints of all sockets", registry=own)

    def count(self, answer: DispatchResponse, seconds: float, *, clock_back: bool) -> None:
        """Count an answer."""
        self.seconds.observe(seconds)
        if answer.replaced is not None:
            self.replaced.labels(answer.replaced.reason).inc()
        for guard, times in Counts(one["guard"] for one in answer.guards).items():
            self.guards.labels(guard).inc(times)
        if clock_back:
            self.clock_back.inc()
        self.bess_kw.set(answer.bess_kw)
        self.sockets_kw.set(sum(answer.socket_kw))

    def text(self) -> bytes:
        """What a scrape gets."""
        return generate_latest(self.registry)
