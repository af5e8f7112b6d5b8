"""POST /api/v1/manifests: everything a training run leaves on record, in one call, all of it or nothing."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.manifests import KINDS, Local, Outcome, Part, register_manifest
from approvals.api.serializers_manifests import ManifestAnswerSerializer, ManifestSerializer
from approvals.models import Plan
from governance.accounts.api.views import readable_principals
from governance.api.views import ApiView, readable, resolve
from governance.unit_of_work import receipts
from lineage import actions as facts
from lineage.actions.bulk import Faults
from lineage.api import references
from lineage.models import RunRole

_PEOPLE = ("steward", "owner", "decision_owner")
_REFERENCES: dict[str, Any] = {
    "dataset": references.dataset,
    "dataset_version": references.dataset_version,
    "model": references.model,
    "model_version": references.model_version,
    "parent_version": references.model_version,
    "propagated_from": references.flag,
    "source_run": references.run,
}


class ManifestView(ApiView):
    """Manifests: many records of a training run in one act. They are found in their own collections afterwards."""

    collection = "manifests"

    @extend_schema(
        operation_id="manifests_create",
        request=ManifestSerializer,
        responses={201: ManifestAnswerSerializer, 200: ManifestAnswerSerializer},
    )
    def post(self, request: Request) -> Response:
        """Register datasets, terms, versions, flags, runs, models and evidence together, all or nothing.

        Sent again it finds what is there and answers 200. With `dry_run` it says what would be written.
        """
        data = self.read(ManifestSerializer)
        reason, namespace = self.reason(data), self.namespace(data)
        parts = [part for kind in KINDS for part in self._parts(kind, data.get(kind, []))]
        dry_run = data["dry_run"]
        made = register_manifest(
            actor=self.principal, reason=reason, namespace=namespace, parts=parts, dry_run=dry_run
        )  # fmt: skip
        return self._told(made, namespace.name, dry_run)

    def _parts(self, kind: str, given: list[dict[str, Any]]) -> list[Part]:
        """The parts of a kind with the records they refer to. Raises Refused, naming each by its place."""
        found, faults = [], Faults(kind)
        for place, one in enumerate(given):
            with faults.of(place):
                ref = one.pop("ref", None)
                found.append(Part(kind, f"{kind}[{place}]", ref, self._content(kind, one)))
        faults.require_none(len(given))
        return found

    def _content(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        for field, find in _REFERENCES.items():
            if field in data and not isinstance(data[field], Local):
                data[field] = find(self.principal, data[field], field)
        for field in _PEOPLE:
            if isinstance(data.get(field), int):
                data[field] = resolve(readable_principals(self.principal), data[field], field=field)
        if "document_digest" in data:
            data["document_digest"] = str(data["document_digest"])
        if kind == "evidence":
            plans = readable(Plan, self.principal).select_related("namespace")
            data["plan"] = resolve(plans, data["plan"], field="plan")
        for field, role in (("inputs", RunRole.TRAINING), ("outputs", RunRole.OUTPUT)):
            if kind == "runs":
                links = enumerate(data.get(field, ()))
                data[field] = [self._link(one, role, f"{field}[{place}].") for place, one in links]
        return data

    def _link(self, given: dict[str, Any], role: str, path: str) -> facts.Link:
        field = "dataset_version" if "dataset_version" in given else "model_version"
        item = given[field]
        if not isinstance(item, Local):
            item = _REFERENCES[field](self.principal, item, path + field)
        return facts.Link(item, given.get("role", role))

    @staticmethod
    def _told(made: list[Outcome], namespace: str, dry_run: bool) -> Response:
        told = {} if dry_run else receipts([outcome.record for outcome in made])
        rows = [
            {
                "part": one.part.path,
                "ref": one.part.ref,
                "collection": one.part.kind.replace("_", "-"),
                "id": None if dry_run and one.created else one.record.pk,
                "created": one.created,
                "receipt": told.get(one.record),
            }
            for one in made
        ]
        new = [row for row in rows if row["created"]]
        last: Any = new[-1]["receipt"] if new else None
        answer = {
            "dry_run": dry_run, "namespace": namespace, "created": len(new), "receipt": last, "records": rows,
        }  # fmt: skip
        code = status.HTTP_201_CREATED if new and not dry_run else status.HTTP_200_OK
        return Response(ManifestAnswerSerializer(answer).data, status=code)
