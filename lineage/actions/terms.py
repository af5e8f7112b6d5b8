"""Collection terms: recorded one after another, withdrawn once."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.outbox import enqueue
from governance.unit_of_work import action
from lineage.actions.registering import REGISTRARS, Registered, lock_roots
from lineage.digests import parse_digest
from lineage.models import CollectionTerms, ConsentStatus, Dataset, LegalBasis, SpecialCondition, TermsWithdrawal
from lineage.vocabularies import above, geographies, licence, token, tokens

#: Who decides on terms once a dataset has some.
KEEPERS = (Role.DATA_STEWARD, Role.COMPLIANCE_OFFICER)


@action
def record_terms(
    *,
    actor: Principal,
    reason: str,
    dataset: Dataset,
    licence: str,
    effective_from: datetime | None = None,
    effective_to: datetime | None = None,
    document_digest: str = "",
    consent_status: str = "",
    consent_evidence: str = "",
    legal_basis: str = "",
    special_condition: str = "",
    original_purpose: str = "",
    permitted_purposes: Iterable[str] = (),
    forbidden_purposes: Iterable[str] = (),
    permits_narrower: bool = False,
    permitted_geographies: Iterable[str] = (),
    forbidden_geographies: Iterable[str] = (),
    permitted_storage_geographies: Iterable[str] = (),
    forbidden_storage_geographies: Iterable[str] = (),
    controller: str = "",
    storage_duration_days: int | None = None,
) -> Registered[CollectionTerms]:
    """Record the terms a dataset's data was collected under. They supersede those before.

    The same terms as the newest ones, still standing, are those: nothing new is recorded.

    Args:
        effective_from: now when left out (and then not compared with the newest).
        permits_narrower: whether a permitted purpose covers the narrower ones of the vocabulary.

    Raises:
        errors.Forbidden: nobody who registers there; or not the first terms, and no data steward or compliance officer
        (else the next run of a pipeline would bring back what a steward withdrew).
        errors.Invalid: no licence, purpose, place or code; a term both permitted and forbidden.
    """
    require(actor, *REGISTRARS, Role.COMPLIANCE_OFFICER, namespace=dataset.namespace)
    content = {
        "licence": _licence(licence, document_digest),
        "document_digest": str(parse_digest(document_digest, field="document_digest")) if document_digest else "",
        "consent_status": _choice(consent_status, ConsentStatus.values, "consent_status"),
        "consent_evidence": consent_evidence,
        "legal_basis": _choice(legal_basis, LegalBasis.values, "legal_basis"),
        "special_condition": _choice(special_condition, SpecialCondition.values, "special_condition"),
        "original_purpose": (
            token(original_purpose, field="original_purpose", scheme="purpose") if original_purpose else ""
        ),
        "permitted_purposes": tokens(permitted_purposes, field="permitted_purposes", scheme="purpose"),
        "forbidden_purposes": tokens(forbidden_purposes, field="forbidden_purposes", scheme="purpose"),
        "permits_narrower": permits_narrower,
        "permitted_geographies": geographies(permitted_geographies, field="permitted_geographies"),
        "forbidden_geographies": geographies(forbidden_geographies, field="forbidden_geographies"),
        "permitted_storage_geographies": geographies(
            permitted_storage_geographies, field="permitted_storage_geographies"
        ),
        "forbidden_storage_geographies": geographies(
            forbidden_storage_geographies, field="forbidden_storage_geographies"
        ),
        "controller": controller,
        "storage_duration_days": storage_duration_days,
        "effective_to": effective_to,
    }
    _refuse_contradictions(content)
    begin = effective_from or timezone.now()
    if effective_to is not None and effective_to <= begin:
        raise errors.Invalid(errors={"effective_to": [_("They would end before they begin.")]})
    lock_roots(("dataset", dataset.pk))
    newest = CollectionTerms.objects.filter(dataset=dataset).order_by("-number").first()
    if newest is not None and not TermsWithdrawal.objects.filter(terms=newest).exists():
        compared = content if effective_from is None else {**content, "effective_from": effective_from}
        if all(getattr(newest, field) == value for field, value in compared.items()):
            return Registered(newest, False)
    if newest is not None:
        require(actor, *KEEPERS, namespace=dataset.namespace)
    return Registered(CollectionTerms.objects.create(dataset=dataset, effective_from=begin, **content), True)


@action
def withdraw_terms(*, actor: Principal, reason: str, terms: CollectionTerms) -> TermsWithdrawal:
    """Withdraw terms from now on; `reason` says why and is kept with the withdrawal. None are in force until new ones.

    Raises:
        errors.Forbidden: neither data steward nor compliance officer. errors.Conflict: withdrawn already.
    """
    require(actor, *KEEPERS, namespace=terms.dataset.namespace)
    withdrawal = TermsWithdrawal.objects.create(terms=terms, reason=reason.strip())
    enqueue("terms.withdrawn", {"terms": terms.pk}, subject=f"dataset:{terms.dataset_id}")
    return withdrawal


def _licence(given: str, document: str) -> str:
    canonical = licence(given)
    if "LicenseRef-" in canonical and not document:
        raise errors.Invalid(
            errors={"document_digest": [_("A licence of one's own needs the digest of its document.")]}
        )
    return canonical


def _choice(given: str, values: list[str], field: str) -> str:
    if given and given not in values:
        raise errors.Invalid(errors={field: [_("One of %(known)s.") % {"known": ", ".join(values)}]})
    return given


def _refuse_contradictions(content: Mapping[str, object]) -> None:
    for what in ("purposes", "geographies", "storage_geographies"):
        permitted, forbidden = content[f"permitted_{what}"], content[f"forbidden_{what}"]
        assert isinstance(permitted, list)
        assert isinstance(forbidden, list)
        if both := sorted(set(permitted) & set(forbidden)):
            raise errors.Invalid(
                errors={f"forbidden_{what}": [_("Both permitted and forbidden: %(both)s.") % {"both": ", ".join(both)}]}
            )
    forbidden_purposes = content["forbidden_purposes"]
    permitted_purposes = content["permitted_purposes"]
    assert isinstance(forbidden_purposes, list)
    assert isinstance(permitted_purposes, list)
    for one in permitted_purposes if forbidden_purposes else ():
        if over := [broader for broader in above(one, "purpose") if broader in forbidden_purposes]:
            sentence = _("%(over)s forbids %(one)s, which is narrower, too.") % {"over": over[0], "one": one}
            raise errors.Invalid(errors={"forbidden_purposes": [sentence]})
