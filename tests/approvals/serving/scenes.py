"""Something live under a policy that answers, and something before it to fall back to."""

from typing import Any

from approvals.actions.promotions import promote
from approvals.models import LiveSlot, PolicyVersion, Promotion, ServingNotice
from governance.unit_of_work import recorded_action
from lineage.models import DatasetVersion, ModelVersion, TermsWithdrawal
from tests.approvals.world import FACTS, WHY, World, dataset, flag, give_terms, train

STOP = {"notice_hours": 0, "confirm": None, "fallback": "stop"}
LAST_GOOD = {"notice_hours": 0, "confirm": None, "fallback": "last_good"}
KEEP = {"notice_hours": 0, "confirm": None, "fallback": "keep"}
TWO_DAYS = {"notice_hours": 48, "confirm": "risk_manager", "fallback": "last_good"}


def policy(w: World, responses: dict[str, Any], *requirements: dict[str, Any]) -> PolicyVersion:
    """Publish a policy that asks for all facts (and more), and answers so."""
    return w.policy(*FACTS, *requirements, responses=responses)


def own_data(w: World, name: str) -> DatasetVersion:
    """Data that nothing else here is made from, in order for the gate."""
    made, version = dataset(w.cast, name)
    give_terms(w.cast, made)
    flag(w.cast, version)
    return version


def on_own_data(w: World, name: str) -> ModelVersion:
    """A version of the model trained on data of its own: no change to `source` reaches it."""
    return train(w.cast, w.model, own_data(w, name), name)


def go_live(w: World, version: ModelVersion | None = None) -> Promotion:
    """Promote a version of the model."""
    return promote(actor=w.cast.pipeline, release=w.release(version), **WHY)


def before_and_live(w: World) -> tuple[Promotion, Promotion]:
    """A version on other data, superseded by the world's own."""
    return go_live(w, on_own_data(w, "other")), go_live(w)


def withdraw(w: World, name: str = "source") -> TermsWithdrawal:
    """Withdraw the terms of a dataset of the world, three datasets upstream."""
    with recorded_action(actor=w.cast.steward, **WHY):
        return TermsWithdrawal.objects.create(terms=w.terms[name], reason="Consent withdrawn")


def live(w: World) -> Promotion | None:
    """What serves in the champion's slot."""
    slot = LiveSlot.objects.filter(model=w.model, slot="champion").select_related("promotion").first()
    return slot.promotion if slot else None


def only_notice(promotion: Promotion) -> ServingNotice:
    """The one notice on it."""
    return ServingNotice.objects.get(promotion=promotion)
