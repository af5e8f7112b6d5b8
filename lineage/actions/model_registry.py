"""Models and their versions."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces, require
from governance.accounts.roles import Role
from governance.outbox import enqueue
from governance.unit_of_work import action
from lineage.actions.datasets import refuse_other_fields
from lineage.actions.people import person
from lineage.actions.registering import Registered, get_or_register, lock_roots, may_register
from lineage.digests import Digest, parse_digest
from lineage.model_card import checked
from lineage.models import Model, ModelVersion, Run
from lineage.risk import tier_of
from lineage.tracking.servers import leads_there, server_of
from lineage.vocabularies import geographies, token

REGISTERED = "model_version.registered"


@action
def register_model(
    *,
    actor: Principal,
    reason: str,
    namespace: Namespace,
    name: str,
    title: str | None = None,
    description: str | None = None,
    owner: Principal | None = None,
    decision_owner: Principal | None = None,
    intended_purpose: str | None = None,
    out_of_scope_uses: str | None = None,
    risk_answers: Mapping[str, bool] | None = None,
    deployment_geography: Iterable[str] | None = None,
) -> Registered[Model]:
    """Register a model under its name. What is left out is blank in a new one, and not compared with an old one.

    The risk tier follows from the answers; without answers it is high.

    Raises:
        errors.Forbidden. errors.AlreadyDifferent: the name is taken with other content. errors.Invalid: no such term.
    """
    may_register(actor, namespace)
    given = _clean(
        {
            "title": title,
            "description": description,
            "owner": owner,
            "decision_owner": decision_owner,
            "intended_purpose": intended_purpose,
            "out_of_scope_uses": out_of_scope_uses,
            "risk_answers": risk_answers,
            "deployment_geography": deployment_geography,
        }
    )
    # The tier is not compared: it follows from the answers, or from what a risk manager signed over them.
    compared = {field: value for field, value in given.items() if field != "risk_tier"}
    return get_or_register(Model, identity={"namespace": namespace, "name": name}, content=given, compare=compared)


@action
def update_model(*, actor: Principal, reason: str, model: Model, changes: Mapping[str, Any]) -> Model:
    """Change what may change of a model; whoever does becomes a contributor to its versions. Pipelines describe it.

    Args:
        changes: among title, description, owner, decision_owner, intended_purpose, out_of_scope_uses, risk_answers,
            deployment_geography. The tier follows from the answers.

    Raises:
        errors.Forbidden: no model owner there. errors.Invalid: another field, or no such term.
    """
    describes = set(changes) == {"description"}
    require(actor, Role.MODEL_OWNER, *((Role.PIPELINE,) if describes else ()), namespace=model.namespace)
    refuse_other_fields(tuple(one for one in Model.updatable if one not in ("name", "risk_tier")), changes)
    changed = _clean(changes)
    lock_roots(("model", model.pk))
    current = Model.objects.get(pk=model.pk)
    for field, value in changed.items():
        setattr(current, field, value)
    current.save(update_fields=list(changed))
    # The tier in effect is the database's to say: an override may stand over what follows from the answers.
    current.refresh_from_db(fields=["risk_tier", "use_epoch"])
    return current


def _clean(given: Mapping[str, Any]) -> dict[str, Any]:
    """The given columns in the form they are kept in, None left out; the tier along with the answers."""
    told = {field: value for field, value in given.items() if value is not None}
    for field in ("owner", "decision_owner"):
        person(told.get(field), field=field)
    if told.get("intended_purpose"):
        told["intended_purpose"] = token(told["intended_purpose"], field="intended_purpose", scheme="purpose")
    if "deployment_geography" in told:
        told["deployment_geography"] = geographies(told["deployment_geography"], field="deployment_geography")
    if "risk_answers" in told:
        told["risk_answers"] = dict(told["risk_answers"])
        told["risk_tier"] = str(tier_of(told["risk_answers"]))
    return told


@action
def register_model_version(
    *,
    actor: Principal,
    reason: str,
    model: Model,
    digest: str | Mapping[str, Any] | Digest | None = None,
    artifact_uri: str = "",
    source_run: Run | None = None,
    code_commit: str = "",
    parent_version: ModelVersion | None = None,
    supplier: str = "",
    metrics: Mapping[str, float] | None = None,
    parameters: Mapping[str, Any] | None = None,
    features_used: Iterable[str] = (),
    model_card: Mapping[str, Any] | None = None,
) -> Registered[ModelVersion]:
    """Register a trained artifact. Identified by model, digest and run (without a digest: by its address and run).

    Raises:
        errors.Forbidden. errors.AlreadyDifferent: the same artifact of the same run, told otherwise.
        errors.Invalid: nothing identifies it; metrics that are no numbers; a card whose parts are not of their form.
        errors.Missing: a parent in a namespace the actor does not read.
    """
    may_register(actor, model.namespace)
    read = parse_digest(digest)
    if not read.value and not artifact_uri and source_run is None:
        raise errors.Invalid(errors={"digest": [_("Send a digest, or at least the artifact's address or its run.")]})
    if source_run is not None and source_run.namespace_id != model.namespace_id:
        raise errors.Invalid(errors={"source_run": [_("The run belongs to another namespace than the model.")]})
    if parent_version is not None:
        home = parent_version.model.namespace_id
        if home != model.namespace_id and not readable_namespaces(actor).filter(pk=home).exists():
            raise errors.Missing(errors={"parent_version": [_("No such record, or none that you may read.")]})
    content = {
        "code_commit": code_commit,
        "parent_version": parent_version,
        "supplier": supplier,
        "metrics": clean_metrics(metrics or {}),
        "parameters": clean_parameters(parameters or {}),
        "features_used": list(dict.fromkeys(features_used)),
        "model_card": checked(model_card or {}),
    }
    lock_roots(("model", model.pk))
    identity: dict[str, Any] = {"model": model, "source_run": source_run}
    by_run = Q(model=model, source_run__isnull=True) if source_run is None else Q(model=model, source_run=source_run)
    if read.value:
        identity |= {"digest_algorithm": read.algorithm, "digest_value": read.value}
        content["artifact_uri"] = artifact_uri
        found_by = by_run & Q(digest_algorithm=read.algorithm, digest_value=read.value)
    else:
        identity |= {"digest_value": "", "artifact_uri": artifact_uri}
        # Sent again after its digest came, it is still the same version.
        found_by = by_run & Q(artifact_uri=artifact_uri) & (Q(digest_value="") | Q(filled_later__contains=["digest"]))
    registered = get_or_register(
        ModelVersion,
        identity=identity,
        content=content,
        found_by=found_by,
        compare=lambda found: {
            field: value for field, value in content.items() if value != "" or field not in found.filled_later
        },
    )
    if registered.created:
        ask_where_it_came_from(registered.record)
    return registered


def ask_where_it_came_from(version: ModelVersion) -> None:
    """Have a version's tracking server read after the running act, where one is named that may know it."""
    if leads_there(version) and server_of(version.model.namespace_id) is not None:
        enqueue(REGISTERED, {"model_version": version.pk}, subject=f"model_version:{version.pk}")


def clean_metrics(given: Mapping[str, Any]) -> dict[str, float]:
    """Metrics as they are kept. Raises errors.Invalid: one that is no finite number."""
    wrong = [name for name, value in given.items() if isinstance(value, bool) or not isinstance(value, int | float)]
    if wrong:
        raise errors.Invalid(errors={f"metrics.{name}": [_("A metric is a number.")] for name in wrong})
    return {name: _finite(value, f"metrics.{name}") for name, value in given.items()}


def clean_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they are kept. Raises errors.Invalid: a list, an object, a number that is not finite."""
    wrong = [name for name, value in given.items() if isinstance(value, list | Mapping)]
    if wrong:
        sentence = _("A parameter is text, a number, true, false or null.")
        raise errors.Invalid(errors={f"parameters.{name}": [sentence] for name in wrong})
    return {
        name: _finite(value, f"parameters.{name}") if isinstance(value, float) else value
        for name, value in given.items()
    }


def _finite(value: float, field: str) -> float:
    """The number, unless no record could hold it.

    Raises:
        errors.Invalid: NaN or infinite.
    """
    if value != value or abs(value) == float("inf"):
        raise errors.Invalid(errors={field: [_("A number must be finite.")]})
    return value
