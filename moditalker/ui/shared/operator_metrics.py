"""Numbers for whoever runs the server, in Prometheus' format: how long the line is, seconds by stage, what failed.

They are served at a port of their own, so that visitors do not see them. Nothing in them is of a visitor.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from moditalker.ui.shared.line import Line
from moditalker.utils.errors import AbandonedError, InputError

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500)
"""Upper ends in seconds: reading a file takes a tenth, drawing a minute of video some minutes."""


class Metrics:
    """Counts nothing: what a server has whose operator asks for no numbers."""

    def watch(self, line: Line) -> None:
        """Tell how long a line is."""

    @contextmanager
    def request(self, kind: str) -> Iterator[None]:
        """Count a request, and how the block ends that carries it out."""
        yield

    def made(self, kind: str, seconds: Mapping[str, float], video_seconds: float) -> None:
        """Count a video: seconds of work by stage, and how long it lasts."""


UNCOUNTED = Metrics()


class PrometheusMetrics(Metrics):
    """Counts, and serves what was counted.

    Args:
        address: ``PORT`` of this machine alone, or ``HOST:PORT``.

    Raises:
        InputError: no such address, nobody can listen there, or ``prometheus-client`` is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            import prometheus_client as prometheus
        except ImportError as error:
            raise InputError(
                "Metrics need the package 'prometheus-client'; run 'pip install -r requirements-server.txt'."
            ) from error
        host, _, port = address.rpartition(":")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise InputError(f"Metrics cannot be served at {address!r}: give a port, or HOST:PORT.")
        registry = prometheus.CollectorRegistry()
        self._waiting = prometheus.Gauge("moditalker_waiting", "Requests that wait for their turn", registry=registry)
        self._running = prometheus.Gauge("moditalker_running", "Requests that are worked on", registry=registry)
        self._requests = prometheus.Counter(
            "moditalker_requests", "Requests that have ended, by how", ["kind", "outcome"], registry=registry
        )
        self._stages = prometheus.Histogram(
            "moditalker_stage_seconds", "Seconds of work", ["kind", "stage"], buckets=_BUCKETS, registry=registry
        )
        self._video = prometheus.Counter(
            "moditalker_video_seconds", "Seconds of video made", ["kind"], registry=registry
        )
        try:
            self._server, _ = prometheus.start_http_server(int(port), host or "127.0.0.1", registry)
        except OSError as error:
            raise InputError(
                f"Metrics cannot be served at {address} ({error.strerror}): choose another port."
            ) from error

    def watch(self, line: Line) -> None:
        """See `Metrics.watch`."""
        self._waiting.set_function(lambda: line.lengths()[1])
        self._running.set_function(lambda: line.lengths()[0])

    @contextmanager
    def request(self, kind: str) -> Iterator[None]:
        """See `Metrics.request`."""
        outcome = "failed"
        try:
            yield
            outcome = "done"
        except InputError:
            outcome = "refused"
            raise
        except (GeneratorExit, AbandonedError):
            outcome = "given up"
            raise
        finally:
            self._requests.labels(kind, outcome).inc()

    def made(self, kind: str, seconds: Mapping[str, float], video_seconds: float) -> None:
        """See `Metrics.made`."""
        for stage, spent in seconds.items():
            self._stages.labels(kind, stage).observe(spent)
        self._video.labels(kind).inc(video_seconds)

    def close(self) -> None:
        """End the server of the numbers."""
        self._server.shutdown()
        self._server.server_close()


def metrics_at(address: str | None) -> Metrics:
    """Those that an operator asks for, none by default; raises as `PrometheusMetrics`."""
    return PrometheusMetrics(address) if address else UNCOUNTED
