"""The gate's answer as someone may read it: what lies in namespaces they do not read keeps its place, not its name.

The gate looks at everything above a version, whoever's it is, and decisions keep that whole. A reader of the model's
namespace is told that a dataset of another one stands against it, and not which.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from approvals.gate.gate import RequirementStatus
from governance.accounts.models import Principal

#: Kind of a record, as `rests_on` names it -> its table.
TABLES = {
    "dataset": "lineage_dataset",
    "dataset_version": "lineage_datasetversion",
    "terms": "lineage_collectionterms",
    "flag": "lineage_sensitivityflag",
    "model_version": "lineage_modelversion",
    "link_correction": "lineage_linkcorrection",
    "finding": "approvals_finding",
    "evidence": "approvals_evidence",
}
#: Parameters of a reason that name a record -> its kind, and the parameters that tell of it.
_NAMING: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "dataset_id": ("dataset", ("dataset", "version", "column", "terms", "number")),
    "dataset_version": ("dataset_version", ("dataset", "name", "version", "column")),
    "model_version": ("model_version", ("model", "name", "version")),
    "from_dataset_version": ("dataset_version", ("from_dataset", "from_version", "from_column", "flag")),
    "finding": ("finding", ("text", "owner")),
}
#: What is said instead of a name; the other parameters are left out.
_NAMES = ("dataset", "from_dataset", "model", "name", "text")

Ref = tuple[str, int]


def as_read_by(requirements: Sequence[RequirementStatus], reader: Principal) -> list[RequirementStatus]:
    """The requirements with what the reader may not read masked. One query."""
    return all_as_read_by([requirements], reader)[0]


def all_as_read_by(lists: Sequence[Sequence[RequirementStatus]], reader: Principal) -> list[list[RequirementStatus]]:
    """`as_read_by` for many lists at once, in one query."""
    hidden = _hidden({ref for requirements in lists for one in requirements for ref in _refs(one)}, reader)
    return [[_masked(one, hidden) for one in requirements] if hidden else list(requirements) for requirements in lists]


def _refs(one: RequirementStatus) -> Iterable[Ref]:
    for params in (one.params, *(also["params"] for also in one.params.get("also", ()))):
        yield from _named(params)
    for record in one.rests_on:
        if record.get("kind") in TABLES and isinstance(record.get("id"), int):
            yield record["kind"], record["id"]


def _named(params: Mapping[str, Any]) -> Iterable[Ref]:
    for name, (kind, _says) in _NAMING.items():
        if isinstance(params.get(name), int):
            yield kind, params[name]


def _hidden(refs: set[Ref], reader: Principal) -> set[Ref]:
    if not refs:
        return set()
    asked = sorted(refs)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n FROM muniment.unread_records(%s, %s::text[], %s::bigint[]) n",
            [reader.pk, [TABLES[kind] for kind, _pk in asked], [pk for _kind, pk in asked]],
        )
        return {asked[place - 1] for (place,) in cursor.fetchall()}


def _masked(one: RequirementStatus, hidden: set[Ref]) -> RequirementStatus:
    params = _without(one.params, hidden)
    if "also" in params:
        params["also"] = [{**also, "params": _without(also["params"], hidden)} for also in params["also"]]
    rests_on = [
        {"kind": record["kind"], "hidden": True} if (record.get("kind"), record.get("id")) in hidden else record
        for record in one.rests_on
    ]
    return replace(one, params=params, rests_on=rests_on)


def _without(params: Mapping[str, Any], hidden: set[Ref]) -> dict[str, Any]:
    kept = dict(params)
    for name, (kind, says) in _NAMING.items():
        if (kind, params.get(name)) in hidden:
            for told in (name, *says):
                if kept.pop(told, None) is not None and told in _NAMES:
                    kept[told] = _("(of another namespace)")
            kept["hidden"] = True
    return kept
