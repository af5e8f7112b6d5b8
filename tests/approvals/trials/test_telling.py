"""Who is told that a trial is concluded, and in which words."""

import pytest

from approvals.actions.trial_conclusions import conclude_trial
from governance.outbox import Message, drain
from governance.outbox.models import Notice
from governance.outbox.notices import wording
from governance.unit_of_work import recorded_action
from lineage.models import Model
from tests.approvals.trials.scenes import begun, counted
from tests.approvals.world import WHY, World


@pytest.mark.parametrize(
    ("champion", "challenger", "kind", "words"),
    [
        ((93, 28), (93, 56), "trial-passed", "meets every bound"),
        ((93, 28), (93, 28), "trial-failed", "does not meet every bound"),
    ],
)
def test_owners_planners_and_risk_managers_hear_of_a_conclusion_by_its_verdict(
    w: World, champion: tuple[int, int], challenger: tuple[int, int], kind: str, words: str
) -> None:
    with recorded_action(actor=w.cast.owner, **WHY):
        model = Model.objects.get(pk=w.model.pk)
        model.owner, model.decision_owner = w.cast.owner, w.cast.business
        model.save()
    trial = begun(w)
    counted(w, trial, champion, challenger)
    conclude_trial(actor=w.cast.business, trial=trial, **WHY)
    drain()
    message = Message.objects.get(topic="trial.concluded")
    assert message.state == "delivered", message.last_error
    found = Notice.objects.filter(message=message)
    assert {notice.kind for notice in found} == {kind}
    cast = w.cast
    assert {notice.recipient for notice in found} == {cast.owner, cast.business, cast.validator, cast.risk, cast.risk2}
    notice = found.get(recipient=cast.owner)
    assert words in wording(notice).body and cast.business.display_name in wording(notice).body
    assert notice.url == f"/trials/{trial.pk}"
