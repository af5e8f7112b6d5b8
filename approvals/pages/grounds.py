"""What requirements rest on, with names and pages."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from approvals.gate.gate import RequirementStatus


@dataclass(frozen=True, slots=True)
class Link:
    """Something a requirement rests on."""

    text: str
    address: str = ""
    digest: str = ""


#: Names and pages of data that requirements rest on, by `ids_of`.
NAMED = """
SELECT 'dataset_version' AS kind, v.id, d.id AS dataset, d.name, v.label,
  CASE WHEN v.digest_value = '' THEN '' ELSE v.digest_algorithm || ':' || v.digest_value END AS extra
  FROM lineage_datasetversion v JOIN lineage_dataset d ON d.id = v.dataset_id WHERE v.id = ANY (%(dataset_versions)s)
UNION ALL SELECT 'terms', t.id, d.id, d.name, t.number::text, t.licence
  FROM lineage_collectionterms t JOIN lineage_dataset d ON d.id = t.dataset_id WHERE t.id = ANY (%(terms)s)
UNION ALL SELECT 'flag', f.id, d.id, d.name, f.category, f.present
  FROM lineage_sensitivityflag f JOIN lineage_datasetversion v ON v.id = f.dataset_version_id
  JOIN lineage_dataset d ON d.id = v.dataset_id WHERE f.id = ANY (%(flags)s)
"""


def ids_of(requirements: Iterable[RequirementStatus]) -> dict[str, list[int]]:
    """The parameters of `NAMED`."""
    ids: dict[str, set[int]] = defaultdict(set)
    for requirement in requirements:
        for one in requirement.rests_on:
            if "id" in one:  # else it lies in a namespace that is not read
                ids[one["kind"]].add(one["id"])
    return {"dataset_versions": list(ids["dataset_version"]), "terms": list(ids["terms"]), "flags": list(ids["flag"])}


def links(
    requirements: Iterable[RequirementStatus], named: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, int], Link]:  # fmt: skip
    """What requirements rest on, by kind and id, with names and pages; evidence and votes have places of their own.

    Args:
        named: the rows of `NAMED`.
    """
    found: dict[tuple[str, int], Link] = {}
    for requirement in requirements:
        for one in requirement.rests_on:
            if one["kind"] == "model_version" and "id" in one:
                address = reverse("model-version", args=[one["id"]])
                found[("model_version", one["id"])] = Link(_("the artifact"), address, one.get("digest") or "")
            elif one["kind"] == "change_plan":
                address = reverse("change-plan", args=[one["id"]])
                found[("change_plan", one["id"])] = Link(_("the retraining envelope"), address)
    for row in named:
        address = reverse("dataset", args=[row["dataset"]])
        if row["kind"] == "dataset_version":
            link = Link(f"{row['name']} {row['label']}", address, row["extra"])
        elif row["kind"] == "terms":
            text = _("terms %(number)s of %(name)s, %(licence)s") % {
                "number": row["label"], "name": row["name"], "licence": row["extra"],
            }  # fmt: skip
            link = Link(text, reverse("terms", args=[row["id"]]))
        else:
            link = Link(f"{row['name']}: {row['label']}, {row['extra']}", address + "#sensitive")
        found[(row["kind"], row["id"])] = link
    return found
