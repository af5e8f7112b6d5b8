"""The gate's reason codes in words: what is missing, what to do about it, and who can.

Every code that the SQL can answer has an entry; `tests/approvals/gate/test_messages.py` reads the SQL and compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from approvals.gate.envelope import note
from approvals.models import Aspect, Comparator, PlanKind
from governance.accounts.roles import Role

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Wording:
    """A reason in words. `who`: the roles that can do it (empty: nothing is left to do, or any contributor)."""

    says: Text
    do: Text = ""
    who: tuple[Role, ...] = ()


_MAKERS = (Role.PIPELINE, Role.MODEL_OWNER)
_STEWARD = (Role.DATA_STEWARD,)

WORDINGS: dict[str, Wording] = {
    # the gate itself
    "no-policy": Wording(
        _("No policy is published for risk tier %(risk_tier)s in %(environment)s, so the gate is closed."),
        _("Two policy owners publish one."),
        (Role.POLICY_OWNER,),
    ),
    "policy-empty": Wording(
        _("The policy for risk tier %(risk_tier)s in %(environment)s asks nothing, so the gate is closed."),
        _("Two policy owners publish a version with requirements."),
        (Role.POLICY_OWNER,),
    ),
    "policy-met": Wording(_("The policy applies.")),
    "no-release": Wording(
        _("No release of %(model)s %(version)s is open for %(environment)s."),
        _("Open one: POST /api/v1/releases."),
        _MAKERS,
    ),
    "gate-error": Wording(
        _("This could not be worked out, so it blocks: %(error)s (%(sqlstate)s)."),
        _("An administrator looks into it."),
        (Role.ADMINISTRATOR,),
    ),
    # artifact
    "artifact-met": Wording(_("The artifact's digest is on record: %(digest)s.")),
    "digest-missing": Wording(
        _("Version %(version)s has no digest on record: nobody could tell what is promoted."),
        _(
            "Name its digest (on the version's page, by POST /api/v1/model-versions/{id}/complete, or with the tag "
            "muniment.digest), or let an administrator name the tracking server it can be read from."
        ),
        _MAKERS,
    ),
    "digest-contradicted": Wording(
        _("Other bytes were found where the artifact lies (%(where)s): %(found)s, where %(digest)s is on record."),
        _("Register what lies there as a new version, and find out who changed it."),
        _MAKERS,
    ),
    "digest-recalled": Wording(
        _("The artifact %(digest)s was recalled: %(why)s"),
        _("Register and release another artifact."),
        _MAKERS,
    ),
    "code-commit-missing": Wording(
        _("Version %(version)s names no commit of its training code."),
        _("Name it on the version's page, by POST /api/v1/model-versions/{id}/complete or tag muniment.code_commit."),
        _MAKERS,
    ),
    "attestation-missing": Wording(
        _("Version %(version)s has no attestation."),
        _("Report evidence on it with an attachment of type attestation."),
        _MAKERS,
    ),
    # provenance
    "provenance-met": Wording(_("All %(versions)s dataset versions say where they come from.")),
    "provenance-corrected-met": Wording(
        _(
            "All %(versions)s dataset versions say where they come from. Links above it were corrected: %(corrections)s"
            " recorded corrections."
        )
    ),
    "training-data-missing": Wording(
        _("No dataset version is linked as what %(model)s was trained on."),
        _("Record the training run with its inputs, or name the data on its page or by tag muniment.training_data."),
        _MAKERS,
    ),
    "ancestor-data-missing": Wording(
        _("It builds on %(model)s %(version)s, whose training data is not on record."),
        _("Record the run that made it, with its inputs."),
        _MAKERS,
    ),
    "provenance-incomplete": Wording(
        _("Dataset %(dataset)s, version %(version)s, does not say all about its origin. Missing: %(fields)s."),
        _("Register the version anew with these fields."),
        (Role.PIPELINE, Role.DATA_STEWARD),
    ),
    "source-recalled": Wording(
        _("%(name)s, version %(version)s, which it was made from, was recalled: %(why)s"),
        _("Train without it."),
        _MAKERS,
    ),
    # terms
    "terms-met": Wording(_("The terms of all %(datasets)s datasets permit %(purpose)s.")),
    "purpose-missing": Wording(
        _("The release names no purpose, so no terms can permit it."),
        _("Set the intended purpose of %(model)s and open a release with it."),
        (Role.MODEL_OWNER,),
    ),
    "terms-missing": Wording(
        _("Dataset %(dataset)s has no collection terms in force."), _("Record its terms."), _STEWARD
    ),
    "terms-withdrawn": Wording(
        _("The terms of dataset %(dataset)s (number %(number)s) were withdrawn."),
        _("Train without it, or record new terms if it may be used again."),
        _STEWARD,
    ),
    "terms-over": Wording(
        _("The terms of dataset %(dataset)s (number %(number)s) have run out."),
        _("Record new terms, or train without it."),
        _STEWARD,
    ),
    "purpose-forbidden": Wording(
        _("The terms of dataset %(dataset)s forbid the purpose %(purpose)s."),
        _("Train without it; no approval can override this."),
        _MAKERS,
    ),
    "purpose-not-permitted": Wording(
        _("The terms of dataset %(dataset)s do not permit the purpose %(purpose)s. Permitted: %(permitted)s."),
        _("Record wider terms if they were agreed, or train without it."),
        _STEWARD,
    ),
    "geography-missing": Wording(
        _("The terms of dataset %(dataset)s limit where it is used, and the model does not say where it is deployed."),
        _("Set the model's deployment geography."),
        (Role.MODEL_OWNER,),
    ),
    "geography-forbidden": Wording(
        _("The terms of dataset %(dataset)s forbid its use in %(place)s."),
        _("Deploy elsewhere, or train without it."),
        (Role.MODEL_OWNER,),
    ),
    "geography-not-permitted": Wording(
        _("The terms of dataset %(dataset)s do not permit its use in %(place)s. Permitted: %(permitted)s."),
        _("Deploy elsewhere, or record wider terms if they were agreed."),
        (Role.MODEL_OWNER, Role.DATA_STEWARD),
    ),
    "storage-forbidden": Wording(
        _("The terms of dataset %(dataset)s forbid keeping it in %(place)s."), _("Keep it elsewhere."), _MAKERS
    ),
    "storage-not-permitted": Wording(
        _("The terms of dataset %(dataset)s do not permit keeping it in %(place)s. Permitted: %(permitted)s."),
        _("Keep it elsewhere, or record wider terms if they were agreed."),
        (*_MAKERS, Role.DATA_STEWARD),
    ),
    "consent-not-given": Wording(
        _("Dataset %(dataset)s rests on consent, and its status is %(consent)s."),
        _("Record terms with consent given, or train without it."),
        _STEWARD,
    ),
    "retention-over": Wording(
        _("Dataset %(dataset)s may be kept for %(days)s days, and they are over."),
        _("Train without it, or record new terms if they were agreed."),
        _STEWARD,
    ),
    # sensitive data
    "sensitivity-met": Wording(_("All %(versions)s dataset versions were reviewed for sensitive data.")),
    "flags-missing": Wording(
        _("Nobody has said whether dataset %(dataset)s, version %(version)s, holds sensitive data."),
        _("Review it and record the answer."),
        _STEWARD,
    ),
    "flag-unknown": Wording(
        _("It is unknown whether dataset %(dataset)s, version %(version)s, holds %(category)s%(in_column)s."),
        _("Find out and record the answer."),
        _STEWARD,
    ),
    "flag-not-reviewed": Wording(
        _("The answer on %(category)s in dataset %(dataset)s, version %(version)s%(in_column)s, was not reviewed."),
        _("A data steward reviews it."),
        _STEWARD,
    ),
    "flag-travelled": Wording(
        _(
            "%(category)s of dataset %(from_dataset)s, version %(from_version)s, reaches dataset %(dataset)s,"
            " version %(version)s%(in_column)s, by column lineage, and no data steward has answered for it there."
        ),
        _("A data steward says whether it is there, and how it was treated."),
        _STEWARD,
    ),
    "legal-basis-missing": Wording(
        _("Dataset %(dataset)s holds %(category)s%(in_column)s, and its terms name no legal basis."),
        _("Record terms with their legal basis; no approval can override this."),
        _STEWARD,
    ),
    "special-condition-missing": Wording(
        _("Dataset %(dataset)s holds %(category)s%(in_column)s, a special category; its terms name no condition."),
        _("Record terms with the condition of GDPR article 9(2)."),
        _STEWARD,
    ),
    "category-forbidden": Wording(
        _("Dataset %(dataset)s, version %(version)s, holds %(category)s%(in_column)s untreated, which is forbidden."),
        _("Remove or treat it, and train again."),
        _MAKERS,
    ),
    "excluded-column-used": Wording(
        _("The model uses the column %(column)s of dataset %(dataset)s, which is excluded from training."),
        _("Train without this column."),
        _MAKERS,
    ),
    # evidence
    "evidence-met": Wording(_("The evidence on %(plan_kind)s is good.")),
    "plan-missing": Wording(
        _("There is no plan on %(plan_kind)s for %(subject)s."),
        _("Lock a plan, then measure and report."),
        (Role.VALIDATOR, Role.MODEL_OWNER, Role.PIPELINE),
    ),
    "evidence-missing": Wording(
        _("No evidence on %(plan_kind)s was reported for %(subject)s."),
        _("Measure under the locked plan and report."),
        (Role.PIPELINE, Role.VALIDATOR),
    ),
    "evidence-failed": Wording(
        _("The evidence “%(title)s” on %(plan_kind)s failed: %(shortfalls)s."),
        _("Improve the model, or measure again; the failure stays on record."),
        (Role.PIPELINE, Role.VALIDATOR),
    ),
    "evidence-only-reported": Wording(
        _("“%(title)s” holds no measured values to judge, only what its reporter %(reporter)s claims."),
        _("Report the measured values."),
        (Role.PIPELINE, Role.VALIDATOR),
    ),
    "evidence-before-plan": Wording(
        _("“%(title)s” was measured before its plan was locked."),
        _("Measure again under the locked plan."),
        (Role.PIPELINE, Role.VALIDATOR),
    ),
    "evidence-other-digest": Wording(
        _("“%(title)s” was measured on another artifact than the one to be promoted."),
        _("Measure this artifact and report its digest."),
        (Role.PIPELINE, Role.VALIDATOR),
    ),
    "evidence-not-independent": Wording(
        _("“%(title)s” was reported by %(reporter)s, who had a hand in the model; the policy asks for independence."),
        _("Someone who had no hand in it measures and reports."),
        (Role.VALIDATOR,),
    ),
    "evidence-stale": Wording(
        _("“%(title)s” is too old to count."), _("Measure again and report."), (Role.PIPELINE, Role.VALIDATOR)
    ),
    "evidence-below-policy": Wording(
        _("“%(title)s” meets its plan but not what the policy asks: %(shortfalls)s."),
        _("Improve the model, or measure what is missing."),
        (Role.PIPELINE, Role.VALIDATOR),
    ),
    "not-promoted-there": Wording(
        _("This version has not been live in %(environment)s, so there is no evidence on %(plan_kind)s from there."),
        _("Promote it there first."),
        _MAKERS,
    ),
    # sign-off
    "signoff-met": Wording(_("%(have)s of %(needed)s signed as %(role)s.")),
    "vetoed": Wording(
        _("%(name)s rejected it as %(role)s, which closes the gate."),
        _("%(name)s can take this back; from %(lift_from)s the head of the role %(role)s may lift it, with a reason."),
        (),
    ),
    "approvals-missing": Wording(
        _("%(have)s of %(needed)s signed as %(role)s.%(ignored)s"),
        _("A person with the role %(role)s who had no hand in it signs."),
        (),
    ),
    "person-counts-once": Wording(
        _("%(have)s of %(needed)s signed as %(role)s: a person fills one requirement only.%(ignored)s"),
        _("Another person with the role %(role)s signs."),
        (),
    ),
    "inside-envelope": Wording(
        _("Not needed: the retrain lies inside the retraining envelope “%(title)s” (use %(use)s of %(uses)s)."),
        _("A rejection by the role %(role)s still closes the gate."),
    ),
    # keeping to serve, or being brought back
    "approval-met": Wording(_("The signatures it was approved on stand on what they were given for.")),
    "approval-stale": Wording(
        _("What it was approved on has changed.%(ignored)s"), _("Open a release, and have it judged anew."), _MAKERS
    ),
    "never-approved": Wording(
        _("It went live while the gate only observed, without this signature."), _("Open a release."), _MAKERS
    ),
    "never-promoted": Wording(_("It never went live on a release."), _("Open a release."), _MAKERS),
    # findings
    "findings-met": Wording(_("Nothing open stands against it.")),
    "finding-open": Wording(
        _("Finding %(finding)s (%(severity)s) is open and blocks: %(text)s"),
        _("%(owner)s answers it; a risk manager or compliance officer who neither raised it nor had a hand closes it."),
        (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER),
    ),
    "finding-overdue": Wording(
        _("Finding %(finding)s (%(severity)s) is overdue and blocks: %(text)s"),
        _("%(owner)s answers it; a risk manager or compliance officer who neither raised it nor had a hand closes it."),
        (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER),
    ),
}

#: Why a vote does not count, after "Not counted:" in a sign-off's sentence.
VOTE_WORDINGS: dict[str, Text] = {
    "voter-inactive": _("%(name)s has left"),
    "grant-ended": _("%(name)s no longer holds the role the vote was given under"),
    "voter-contributed": _("%(name)s had a hand in it"),
    "voter-recused": _("%(name)s declared a conflict of interest"),
    "vote-stale": _("%(name)s signed before this changed: %(aspects)s"),
    "vote-of-older-form": _(
        "%(name)s signed under an earlier release of this product, which kept what a vote rests on in another form;"
        " whether it changed cannot be told, so they sign again"
    ),
    "vote-rejected": _("%(name)s rejected it"),
    "waiver-outgrown": _("waived under the envelope “%(name)s” before this changed: %(aspects)s"),
}


def message(reason: str, params: Mapping[str, Any]) -> str:
    """The sentence of a reason in the active language, with what to do; further gaps of the same requirement follow.

    A code without wording is said as itself: an answer is never an error.
    """
    sentences = [_sentence(reason, params)]
    sentences += [_sentence(str(other["reason"]), other["params"]) for other in params.get("also", ())]
    if params.get("envelope"):
        sentences.append(note(params["envelope"]))
    return "\n".join(sentences)


def roles_that_can(reason: str, params: Mapping[str, Any]) -> list[Role]:
    """The roles whose holders can close the gap."""
    if reason in ("approvals-missing", "person-counts-once") and params.get("role") in Role.values:
        return [Role(params["role"])]
    wording = WORDINGS.get(reason)
    return list(wording.who) if wording else []


def _sentence(reason: str, params: Mapping[str, Any]) -> str:
    wording = WORDINGS.get(reason)
    if wording is None:
        return reason
    shown = _Shown(params)
    return " ".join(part for part in (str(wording.says) % shown, str(wording.do) % shown) if part)


class _Shown(dict[str, Any]):
    """Parameters as people read them; one that is missing shows as a question mark."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__({name: _shown(name, value) for name, value in params.items()})
        column = params.get("column")
        self["in_column"] = _now(" in column %(column)s") % {"column": column} if column else ""
        self.setdefault("ignored", "")
        if not params.get("owner"):
            self["owner"] = _now("Its owner")

    def __missing__(self, name: str) -> str:
        return "?"


#: What stands for a name that is not the reader's to read (approvals/gate/95_reading.sql).
HIDDEN = "(of another namespace)"


def _shown(name: str, value: Any) -> str:
    if value == HIDDEN:
        return _now("(of another namespace)")
    if name == "role" and value in Role.values:
        return str(Role(value).label)
    if name == "plan_kind" and value in PlanKind.values:
        return str(PlanKind(value).label)
    if name == "shortfalls":
        return "; ".join(_shortfall(one) for one in value)
    if name == "ignored":
        parts = [_ignored(one) for one in value]
        return _now(" Not counted: %(votes)s.") % {"votes": "; ".join(parts)} if parts else ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(one) for one in value) or "–"
    return str(value)


def _shortfall(lack: Mapping[str, Any]) -> str:
    if "item" in lack:
        return _now("“%(statement)s” was not answered with yes") % {"statement": lack.get("statement", "?")}
    asked = f"{Comparator(lack['comparator']).label} {lack['threshold']}"
    where = f" ({lack['slice']})" if lack.get("slice") else ""
    if lack.get("value") is None:
        return _now("%(metric)s was not measured, %(asked)s is asked") % {
            "metric": lack["metric"] + where,
            "asked": asked,
        }
    return _now("%(metric)s is %(value)s, %(asked)s is asked") % {
        "metric": lack["metric"] + where,
        "value": lack["value"],
        "asked": asked,
    }


def _ignored(vote: Mapping[str, Any]) -> str:
    aspects = ", ".join(str(Aspect(a).label) for a in vote.get("aspects") or () if a in Aspect.values)
    wording = VOTE_WORDINGS.get(str(vote.get("why")), _("the vote of %(name)s"))
    return str(wording) % {"name": vote.get("name", "?"), "aspects": aspects}
