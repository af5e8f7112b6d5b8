"""Whatever an action puts into the outbox, somebody handles."""

import ast
from collections.abc import Iterator
from pathlib import Path

from governance.outbox.handlers import handler_for
from tests.databases import ROOT


def enqueued() -> Iterator[tuple[Path, ast.expr]]:
    """Each call of `enqueue` in the product: the file, and the expression of the topic."""
    for room in ("governance", "lineage", "approvals"):
        for file in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enqueue":
                    yield file, node.args[0]


def test_every_topic_has_a_handler() -> None:
    topics = {topic.value for _, topic in enqueued() if isinstance(topic, ast.Constant)}
    assert "release.opened" in topics, "the search found nothing: it is broken"
    for known in sorted(str(topic) for topic in topics):
        handler_for(known)


def test_every_topic_that_is_put_together_has_handlers_too() -> None:
    """Named here by the file that does it; a new one needs a line."""
    together = {file.name for file, topic in enqueued() if not isinstance(topic, ast.Constant)}
    assert together == {
        "expectations.py",
        "expiry.py",
        "margins.py",
        "model_registry.py",
        "reminders.py",
        "tracking.py",
    }
    for topic in (
        "grant.expired", "evidence.expired", "terms.expired", "finding.overdue", "policy.margin", "policy.lapsed",
        "reminder.due", "model_version.registered", "tracking_server.named",
        "expectations.recorded", "data_profile.recorded",
    ):  # fmt: skip
        handler_for(topic)
