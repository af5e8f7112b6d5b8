"""The worker and broker of the outbox's tests."""

from tests.governance.outbox.conftest import broker, worker

__all__ = ["broker", "worker"]
