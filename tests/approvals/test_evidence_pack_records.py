"""What an evidence pack holds beside the judged records: who described the version, and the house's own words."""

from approvals.exports.evidence_pack import records_of
from lineage import actions
from lineage.models import ModelVersionDescription, ModelVersionTag, VocabularyTerm
from tests.approvals.world import WHY, World, flag, give_terms


def own(w: World, scheme: str, term: str, *broader: str) -> VocabularyTerm:
    """A term of the house."""
    return actions.add_vocabulary_term(
        actor=w.cast.policy, scheme=scheme, term=term, label=term, definition="Ours", broader=broader, **WHY
    ).record


def test_the_houses_own_terms_are_in_the_pack_with_what_lies_above_them(w: World) -> None:
    lending = own(w, "purpose", "bank:Lending", "dpv:ServiceProvision")
    mortgage = own(w, "purpose", "bank:Mortgage", "bank:Lending")
    note = own(w, "personal-data", "bank:SickNote", "pd:Health")
    own(w, "purpose", "bank:Unused")
    give_terms(w.cast, w.datasets["source"], permitted_purposes=["bank:Mortgage", "dpv:CreditChecking"])
    flag(w.cast, w.versions["raw"], category="bank:SickNote")
    packed = dict(records_of(w.release()))
    assert packed[VocabularyTerm] == sorted([lending.pk, mortgage.pk, note.pk])


def test_what_was_said_of_the_version_is_in_the_pack(w: World) -> None:
    actions.tag_model_version(actor=w.cast.owner, model_version=w.version, tags={"a": "b"}, **WHY)
    actions.describe_model_version(actor=w.cast.owner, model_version=w.version, text="Mine", **WHY)
    packed = dict(records_of(w.release()))
    assert len(packed[ModelVersionTag]) == len(packed[ModelVersionDescription]) == 1
    assert packed[VocabularyTerm] == []
