"""A find closes the gate in the act that records the profile, and is told under what serves."""

from django.utils import timezone

from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.actions.personal_data import record_finds
from lineage.models import DataProfile
from lineage.quality.finds import Found
from tests.approvals.serving import scenes
from tests.approvals.world import FACTS, WHY, World, sha

EMAIL = Found("contact", "email", "pd:EmailAddress", 100, 90, False, ("j•••@•••.com",))


def profiled(w: World, *found: Found) -> None:
    """A profile of `raw` with its finds, in one act; the gate is asked before that act ends."""
    version = w.versions["raw"]
    with recorded_action(actor=w.cast.pipeline, **WHY):
        profile = DataProfile.objects.create(
            namespace=w.cast.retail, dataset_version=version, said_at=timezone.now(), content_digest=sha(str(found))
        )
        record_finds(profile, version, found)


def test_a_find_upstream_closes_the_gate_until_the_steward_answers(w: World) -> None:
    w.policy(*FACTS)
    release = w.release()
    assert w.ask(release)["sensitive-data"].passes
    profiled(w, EMAIL)
    row = w.ask(release)["sensitive-data"]
    assert not row.passes and "pd:EmailAddress" in row.message
    actions.review_flag(
        actor=w.cast.steward, dataset_version=w.versions["raw"], column="contact", category="pd:EmailAddress",
        present="yes", **WHY,
    )  # fmt: skip
    assert w.ask(release)["sensitive-data"].passes
    profiled(w, EMAIL, Found("contact", "bic", "pd:BankAccount", 9, 9, False, ()))
    assert not w.ask(release)["sensitive-data"].passes, "another pattern is another question"


def test_a_find_under_what_serves_is_told_as_a_raised_flag(w: World) -> None:
    scenes.policy(w, {"flag_raised": scenes.TWO_DAYS})
    promotion = scenes.go_live(w)
    profiled(w, EMAIL)
    assert scenes.only_notice(promotion).cause == "flag_raised"
