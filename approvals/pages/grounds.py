"""What requirements rest on, with names and pages."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from approvals.gate.gate import RequirementStatus


@dataclass(frozen=True, slots=True)
class Link:
    """Something a requirement rests on."""

    text: str
    address: str = ""
    digest: str = ""


def named(requirements: Iterable[RequirementStatus]) -> dict[tuple[str, int], Link]:
    """What requirements rest on, by kind and id, with names and pages; evidence and votes have places of their own."""
    ids: dict[str, set[int]] = defaultdict(set)
    found: dict[tuple[str, int], Link] = {}
    for requirement in requirements:
        for one in requirement.rests_on:
            ids[one["kind"]].add(one["id"])
            if one["kind"] == "model_version":
                address = reverse("model-version", args=[one["id"]])
                found[("model_version", one["id"])] = Link(_("the artifact"), address, one.get("digest") or "")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'dataset_version', v.id, d.id, d.name, v.label,"
            " CASE WHEN v.digest_value = '' THEN '' ELSE v.digest_algorithm || ':' || v.digest_value END"
            " FROM lineage_datasetversion v JOIN lineage_dataset d ON d.id = v.dataset_id WHERE v.id = ANY (%s)"
            " UNION ALL SELECT 'terms', t.id, d.id, d.name, t.number::text, t.licence"
            " FROM lineage_collectionterms t JOIN lineage_dataset d ON d.id = t.dataset_id WHERE t.id = ANY (%s)"
            " UNION ALL SELECT 'flag', f.id, d.id, d.name, f.category, f.present"
            " FROM lineage_sensitivityflag f JOIN lineage_datasetversion v ON v.id = f.dataset_version_id"
            " JOIN lineage_dataset d ON d.id = v.dataset_id WHERE f.id = ANY (%s)",
            [list(ids["dataset_version"]), list(ids["terms"]), list(ids["flag"])],
        )
        for kind, pk, dataset, name, label, extra in cursor.fetchall():
            address = reverse("dataset", args=[dataset])
            if kind == "dataset_version":
                link = Link(f"{name} {label}", address, extra)
            elif kind == "terms":
                link = Link(_("terms %(number)s of %(name)s, %(licence)s") % {
                    "number": label, "name": name, "licence": extra}, reverse("terms", args=[pk]))  # fmt: skip
            else:
                link = Link(f"{name}: {label}, {extra}", address + "#sensitive")
            found[(kind, pk)] = link
    return found
