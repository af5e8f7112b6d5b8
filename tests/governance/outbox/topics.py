"""A topic of the tests' own: `test.tell` tells the principals in payload["to"] about payload["what"]."""

from governance.accounts.models import Principal
from governance.outbox import Message, handles, notify, register_kind


def tell(message: Message) -> None:
    """Tell those named in the payload."""
    recipients = Principal.objects.filter(pk__in=message.payload["to"])
    notify(recipients, "test-told", {"what": message.payload["what"]}, "/releases/1", message)


def register() -> None:
    """Make the topic and its wording known; may be called again."""
    register_kind("test-told", title="News: %(what)s", body="%(what)s happened; have a look.")
    handles("test.tell")(tell)
