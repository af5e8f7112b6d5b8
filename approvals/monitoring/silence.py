"""A window that never arrives is told of. That it is missing is a matter of the clock, whether or not this has run."""

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext

from approvals.models import LiveSlot
from governance.accounts.actions.system import SYSTEM
from governance.accounts.models import Principal
from governance.outbox import Message, enqueue
from governance.unit_of_work import recorded_action

BATCH = 500


def announce_silence() -> int:
    """Put a message into the outbox for each plan under which a live promotion went silent; how many were new.

    Once for each silence: the next begins with the next window. Safe to run at any time, anywhere, twice at once.
    """
    live = list(LiveSlot.objects.values_list("promotion_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT promotion_id, plan_id, expected_by FROM muniment.monitoring_silence(%s, %s)", [live, timezone.now()]
        )
        found = {
            f"monitoring.silent:{p}:{plan}:{by.timestamp():.6f}": (p, plan, by) for p, plan, by in cursor.fetchall()
        }
    told = set(Message.objects.filter(dedup_key__in=list(found)).values_list("dedup_key", flat=True))
    new = [key for key in found if key not in told]
    for start in range(0, len(new), BATCH):
        system = Principal.objects.get(name=SYSTEM)
        with recorded_action(actor=system, reason=gettext("Tell of windows that never came")):
            for key in new[start : start + BATCH]:
                promotion, plan, expected_by = found[key]
                payload = {"promotion": promotion, "plan": plan, "expected_by": expected_by.isoformat()}
                enqueue("monitoring.silent", payload, subject=f"promotion:{promotion}", dedup_key=key)
    return len(new)
