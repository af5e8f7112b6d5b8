"""Intake: proposing a model, deciding on it, registering what was accepted; and signing another tier than follows."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.permissions import grants_in_force, require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.people import person
from lineage.actions.registering import Registered, get_or_register, lock_roots, may_register
from lineage.models import Intake, IntakeDecision, Model, RiskQuestionSet, RiskTier, TierOverride
from lineage.risk import QUESTIONS, tier_of
from lineage.vocabularies import geographies, token

#: Who proposes a model. The database holds the same list (sql/52_intake.sql).
PROPOSERS = (Role.MODEL_OWNER, Role.BUSINESS_OWNER, Role.DATA_STEWARD, Role.RISK_MANAGER)
DECIDERS = (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER)
NEEDED = ("description", "business_case", "affected", "expected_data")
TEXT_LIMIT = 5_000


def questions_asked() -> RiskQuestionSet:
    """The questions as they are worded now."""
    return RiskQuestionSet.objects.order_by("-number")[0]


@action
def word_questions(*, actor: Principal, reason: str, questions: Sequence[Mapping[str, str]]) -> RiskQuestionSet:
    """Word the risk questions anew: asked so from now on. What a tier follows from stays.

    Args:
        questions: {key, text} each, every question of the tier's rule once, in the order they are to be asked.

    Raises:
        errors.Forbidden: no policy owner of everywhere. errors.Invalid: a question is missing, twice or not asked.
    """
    require(actor, Role.POLICY_OWNER, namespace=None)
    given = [{"key": str(one.get("key", "")), "text": str(one.get("text", "")).strip()} for one in questions]
    keys = [one["key"] for one in given]
    faults: dict[str, list[Any]] = {
        f"questions[{index}].{field}": [sentence]
        for index, one in enumerate(given)
        for field, sentence, wrong in (
            ("key", _("There is no such question. Known: %(known)s.") % {"known": ", ".join(QUESTIONS)},
             one["key"] not in QUESTIONS),
            ("key", _("It stands twice."), keys.count(one["key"]) > 1),
            ("text", _("Say how it is asked, in 1 to 500 characters."), not 0 < len(one["text"]) <= 500),
        )
        if wrong
    }  # fmt: skip
    if missing := [key for key in QUESTIONS if key not in keys]:
        faults["questions"] = [_("Not worded: %(keys)s.") % {"keys": ", ".join(missing)}]
    if faults:
        raise errors.Invalid(_("These questions cannot be asked."), errors=faults)
    made = RiskQuestionSet.objects.create(questions=given)
    made.refresh_from_db()
    return made


@action
def propose_model(
    *,
    actor: Principal,
    reason: str,
    namespace: Namespace,
    name: str,
    description: str,
    business_case: str,
    intended_purpose: str,
    deployment_geography: Iterable[str],
    affected: str,
    expected_data: str,
    owner: Principal | None,
    risk_answers: Mapping[str, bool],
    question_set: RiskQuestionSet | None = None,
    title: str = "",
    out_of_scope_uses: str = "",
    approach: str = "",
    oversight: str = "",
    decision_owner: Principal | None = None,
) -> Intake:
    """Propose a model before it is trained, with every risk question answered. Another person decides on it.

    Args:
        question_set: the wording that was answered; None: the newest. risk_answers: every question, true or false.

    Raises:
        errors.Forbidden: none of the roles that propose. errors.Conflict: the questions are worded anew since.
        errors.Invalid: a question left open, something unsaid, or no such term, place or person.
    """
    require(actor, *PROPOSERS, namespace=namespace)
    texts = {
        "description": description, "business_case": business_case, "affected": affected,
        "expected_data": expected_data,
        "out_of_scope_uses": out_of_scope_uses, "approach": approach, "oversight": oversight,
    }  # fmt: skip
    faults = _faults(texts, risk_answers)
    terms: dict[str, Any] = {}
    for field, read in (
        ("intended_purpose", lambda: token(intended_purpose.strip(), field="intended_purpose", scheme="purpose")),
        ("deployment_geography", lambda: geographies(deployment_geography, field="deployment_geography")),
        ("owner", lambda: person(owner, field="owner")),
        ("decision_owner", lambda: person(decision_owner, field="decision_owner")),
    ):
        try:
            terms[field] = read()
        except errors.Invalid as wrong:
            faults.update(wrong.errors)
    if not faults.get("deployment_geography") and not terms.get("deployment_geography"):
        faults["deployment_geography"] = [_("Say where it is to decide, such as DE.")]
    if owner is None:
        faults["owner"] = [_("Name the person who will answer for it.")]
    if faults:
        raise errors.Invalid(_("The proposal is not complete."), errors=faults)
    made = Intake.objects.create(
        namespace=namespace, name=name, title=title, question_set=question_set or questions_asked(),
        risk_answers=dict(risk_answers), risk_tier=str(tier_of(risk_answers)), **texts, **terms,
    )  # fmt: skip
    made.refresh_from_db()
    return made


def _faults(texts: Mapping[str, str], answers: Mapping[str, bool]) -> dict[str, list[Any]]:
    faults: dict[str, list[Any]] = {
        field: [_("Say something here.")] for field in NEEDED if not texts[field].strip()
    }  # fmt: skip
    for field, text in texts.items():
        if len(text) > TEXT_LIMIT:
            faults[field] = [_("At most %(limit)d characters.") % {"limit": TEXT_LIMIT}]
    for key in QUESTIONS:
        if not isinstance(answers.get(key), bool):
            faults[f"risk_answers.{key}"] = [_("Answer yes or no.")]
    for key in answers:
        if key not in QUESTIONS:
            known = ", ".join(QUESTIONS)
            faults[f"risk_answers.{key}"] = [_("There is no such question. Known: %(known)s.") % {"known": known}]
    return faults


@action
def decide_intake(*, actor: Principal, reason: str, intake: Intake, kind: IntakeDecision.Kind) -> IntakeDecision:
    """Accept or decline a proposal, once. `reason` says why and under what conditions.

    Raises:
        errors.Forbidden: no risk manager or compliance officer there.
        errors.SeparationOfDuties: their own proposal, or one they are to answer for. errors.Conflict: decided already.
    """
    require(actor, *DECIDERS, namespace=intake.namespace)
    return IntakeDecision.objects.create(intake=intake, kind=kind, reason=reason.strip())


@action
def register_accepted(*, actor: Principal, reason: str, intake: Intake) -> Registered[Model]:
    """Register the model of an accepted proposal, with what was proposed. By whoever builds it, not by who accepted it.

    Raises:
        errors.Forbidden: nobody who registers there. errors.Conflict: it is not accepted, or a newer proposal is.
        errors.AlreadyDifferent: a model of that name is on record with other content.
    """
    may_register(actor, intake.namespace)
    if not IntakeDecision.objects.filter(intake=intake, kind=IntakeDecision.Kind.ACCEPTED).exists():
        raise errors.Conflict(_("The proposal is not accepted. A risk manager or compliance officer decides on it."))
    newer = Intake.objects.filter(namespace=intake.namespace, name=intake.name, pk__gt=intake.pk)
    if newer.filter(decision__kind=IntakeDecision.Kind.ACCEPTED).exists():
        raise errors.Conflict(_("A newer proposal of that name is accepted. Register that one."))
    content = {
        "title": intake.title, "description": intake.description, "owner": intake.owner,
        "decision_owner": intake.decision_owner, "intended_purpose": intake.intended_purpose,
        "out_of_scope_uses": intake.out_of_scope_uses, "risk_answers": intake.risk_answers,
        "deployment_geography": intake.deployment_geography,
    }  # fmt: skip
    # The tier is not compared: a risk manager may have signed another one since.
    return get_or_register(
        Model, identity={"namespace": intake.namespace, "name": intake.name},
        content={**content, "risk_tier": str(tier_of(intake.risk_answers))}, compare=content,
    )  # fmt: skip


# --- Another tier than the one that follows ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OverrideStatement:
    """What would be signed, and under which grant."""

    text: str
    digest: str
    grant: RoleGrant


def override_statement(*, actor: Principal, model: Model, tier: str, reason: str) -> OverrideStatement:
    """What a risk manager would sign now, in one language, English: the same words for all who read it later.

    Args:
        tier: the tier that is to hold; "": what follows from the answers again. reason: part of what is signed.

    Raises:
        errors.Forbidden: no risk manager there. errors.Invalid: no such tier, or no reason.
    """
    require(actor, Role.RISK_MANAGER, namespace=model.namespace)
    held = grants_in_force(actor).filter(role=Role.RISK_MANAGER)
    grant = (held.filter(namespace=model.namespace) | held.filter(namespace__isnull=True)).order_by("id")[0]
    if tier and tier not in RiskTier.values:
        raise errors.Invalid(errors={"tier": [_("One of %(known)s.") % {"known": ", ".join(RiskTier.values)}]})
    if not reason.strip():
        raise errors.Invalid(errors={"reason": [_("Say why: it is part of what you sign.")]})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT muniment.override_content(m.id, %s, %s), m.risk_tier, muniment.risk_tier_of(m.risk_answers),"
            " m.risk_answers::text FROM lineage_model m WHERE m.id = %s",
            [tier, reason.strip(), model.pk],
        )
        content, in_effect, follows, answers = cursor.fetchone()
    where = grant.namespace.name if grant.namespace else "everywhere"
    behalf = f", on behalf of {grant.on_behalf_of.display_name}" if grant.on_behalf_of else ""
    deed = f"OVERRIDE THE RISK TIER: {tier}" if tier else "TAKE BACK THE OVERRIDE OF THE RISK TIER"
    text = "\n".join(
        [
            f"{actor.display_name}, risk_manager ({where}){behalf}: {deed}",
            f"Model {model.name} in {model.namespace.name}, for {model.intended_purpose or 'no stated purpose'}",
            f"Answers: {answers}",
            f"From the answers follows: {follows}. In effect until now: {in_effect}.",
            f"Reason: {reason.strip()}",
            f"Content: {content}",
        ]
    )
    return OverrideStatement(text, hashlib.sha256(text.encode()).hexdigest(), grant)


@action
def override_tier(
    *,
    actor: Principal,
    reason: str,
    model: Model,
    tier: str,
    statement_digest: str,
    reauthenticated_at: datetime,
    reauthentication_method: str = "password",
    meaning: str = "",
) -> TierOverride:
    """Sign another tier than the one in effect; the database applies it, and votes bound to use go stale.

    Args:
        statement_digest: of `override_statement` as the person was shown it.
        reauthenticated_at: when they proved again who they are; at most five minutes ago.

    Raises:
        errors.Forbidden: no risk manager there. errors.Conflict: what they were shown has changed, or it is in effect.
        errors.SeparationOfDuties: a model they own, owned or edited; no person, or no fresh proof of who they are.
    """
    if actor.kind != Principal.Kind.PERSON:
        raise errors.SeparationOfDuties(
            _("Only persons sign. Let a risk manager sign in and sign."), params={"code": "not-a-person"}
        )
    lock_roots(("model", model.pk))
    current = Model.objects.select_related("namespace").get(pk=model.pk)
    shown = override_statement(actor=actor, model=current, tier=tier, reason=reason)
    if shown.digest != statement_digest:
        raise errors.Conflict(
            _("What you were shown has changed since. Read it again and sign what it says now."),
            params={"code": "statement-outdated"},
        )
    signed = TierOverride.objects.create(
        model=current, tier=tier, reason=reason.strip(), meaning=meaning.strip() or _meaning(tier),
        statement=shown.text, statement_digest=shown.digest, role_grant=shown.grant,
        reauthenticated_at=reauthenticated_at, reauthentication_method=reauthentication_method,
    )  # fmt: skip
    signed.refresh_from_db()
    model.refresh_from_db(fields=["risk_tier", "use_epoch"])
    return signed


def _meaning(tier: str) -> str:
    return f"sets the risk tier to {tier} as risk_manager" if tier else "takes back an override as risk_manager"
