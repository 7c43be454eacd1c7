"""A real Prometheus for tests."""

from tests.support.prometheus.server import (
    Exporter,
    ask,
    exporter,
    prometheus,
    wait_for,
)

__all__ = ["Exporter", "ask", "exporter", "prometheus", "wait_for"]
