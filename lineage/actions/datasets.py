"""Datasets and their versions."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.people import person
from lineage.actions.registering import Registered, get_or_register, lock_roots, may_register
from lineage.digests import Digest, parse_digest
from lineage.models import Dataset, DatasetVersion
from lineage.vocabularies import geographies

SCHEMA_LIMIT = 5_000  # columns


@action
def register_dataset(
    *,
    actor: Principal,
    reason: str,
    namespace: Namespace,
    name: str,
    title: str | None = None,
    description: str | None = None,
    steward: Principal | None = None,
    owner: Principal | None = None,
    is_live: bool | None = None,
) -> Registered[Dataset]:
    """Register a dataset under its name. What is left out is blank in a new one, and not compared with an old one.

    Raises:
        errors.Forbidden: the actor registers nothing in the namespace.
        errors.AlreadyDifferent: the name is taken with other content.
    """
    may_register(actor, namespace)
    given = {
        "title": title,
        "description": description,
        "steward": person(steward, field="steward"),
        "owner": person(owner, field="owner"),
        "is_live": is_live,
    }
    told = {field: value for field, value in given.items() if value is not None}
    return get_or_register(Dataset, identity={"namespace": namespace, "name": name}, content=told)


@action
def update_dataset(*, actor: Principal, reason: str, dataset: Dataset, changes: Mapping[str, Any]) -> Dataset:
    """Change what may change of a dataset: title, description, steward, owner, is_live.

    Raises:
        errors.Forbidden: the actor is neither data steward nor model owner there. errors.Invalid: another field.
    """
    require(actor, Role.DATA_STEWARD, Role.MODEL_OWNER, namespace=dataset.namespace)
    refuse_other_fields(Dataset.updatable, changes)
    lock_roots(("dataset", dataset.pk))
    current = Dataset.objects.get(pk=dataset.pk)
    for field, value in changes.items():
        setattr(current, field, person(value, field=field) if field in ("steward", "owner") else value)
    current.save(update_fields=list(changes))
    return current


def refuse_other_fields(updatable: tuple[str, ...], changes: Mapping[str, Any]) -> None:
    """Raises errors.Invalid when nothing is to change, or something that does not change."""
    if not changes:
        raise errors.Invalid(_("Say what is to change: one of %(fields)s.") % {"fields": ", ".join(updatable)})
    fixed = [field for field in changes if field not in updatable]
    if fixed:
        raise errors.Invalid(
            _("Only %(fields)s change.") % {"fields": ", ".join(updatable)},
            errors={field: [_("This field never changes.")] for field in fixed},
        )


@action
def register_dataset_version(
    *,
    actor: Principal,
    reason: str,
    dataset: Dataset,
    label: str,
    digest: str | Mapping[str, Any] | Digest | None = None,
    location: str = "",
    format: str = "",
    bytes: int | None = None,
    rows: int | None = None,
    schema: list[dict[str, str]] | None = None,
    source: str = "",
    origin: str = "",
    origin_geography: str = "",
    date: date | None = None,
    previous_date: date | None = None,
    generation_period_start: date | None = None,
    generation_period_end: date | None = None,
    generation_method: str = "",
    data_collection_process: str = "",
    known_bias: str = "",
    dataset_noise: str = "",
    update_mechanism: str = "",
    missing_data: str = "",
    imputation: str = "",
    preprocessing: str = "",
    annotation_protocol: str = "",
) -> Registered[DatasetVersion]:
    """Register the content of a dataset. Identified by dataset, digest and label; final from then on.

    Args:
        digest: ``sha256:…`` or ``{"algorithm", "value"}``; without one the version stays incomplete.
        schema: columns in order, each ``{"name", "type", "description"}``; 5,000 at most.

    Raises:
        errors.Forbidden, errors.AlreadyDifferent. errors.Invalid: a malformed digest, schema, place or period.
    """
    may_register(actor, dataset.namespace)
    read = parse_digest(digest)
    _check_order(previous_date, date, "previous_date")
    _check_order(generation_period_start, generation_period_end, "generation_period_start")
    place = geographies([origin_geography], field="origin_geography")[0] if origin_geography else ""
    return get_or_register(
        DatasetVersion,
        identity={
            "dataset": dataset,
            "label": label,
            "digest_algorithm": read.algorithm,
            "digest_value": read.value,
        },
        content={
            "location": location,
            "format": format,
            "bytes": bytes,
            "rows": rows,
            "schema": _columns(schema or []),
            "source": source,
            "origin": origin,
            "origin_geography": place,
            "date": date,
            "previous_date": previous_date,
            "generation_period_start": generation_period_start,
            "generation_period_end": generation_period_end,
            "generation_method": generation_method,
            "data_collection_process": data_collection_process,
            "known_bias": known_bias,
            "dataset_noise": dataset_noise,
            "update_mechanism": update_mechanism,
            "missing_data": missing_data,
            "imputation": imputation,
            "preprocessing": preprocessing,
            "annotation_protocol": annotation_protocol,
        },
    )


def _check_order(earlier: date | None, later: date | None, field: str) -> None:
    if earlier is not None and later is not None and earlier > later:
        sentence = _("The first day lies after the last.")
        raise errors.Invalid(sentence, errors={field: [sentence]})


def _columns(schema: list[dict[str, str]]) -> list[dict[str, str]]:
    """The columns with exactly their three keys, so that the same schema is the same content."""
    names = [column.get("name", "") for column in schema]
    if len(schema) > SCHEMA_LIMIT or "" in names or len(set(names)) != len(names):
        sentence = _("Name each of at most %(limit)d columns once.") % {"limit": SCHEMA_LIMIT}
        raise errors.Invalid(sentence, errors={"schema": [sentence]})
    return [
        {"name": column["name"], "type": column.get("type", ""), "description": column.get("description", "")}
        for column in schema
    ]
