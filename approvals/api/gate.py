"""The two questions: may it be promoted, and what serves."""

import hashlib
import json
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.live_at import artifact, signers
from approvals.api.policies import environment_named
from approvals.api.serializers_promotions import GateAnswerSerializer, GateQuery, LiveAnswerSerializer, LiveQuery
from approvals.gate.reading import all_as_read_by, as_read_by
from approvals.models import Promotion
from approvals.onboarding import FoundLive, as_found
from approvals.queries import is_live, live, may_be_promoted, release_of, versions_with_digest
from approvals.serving import Serving, how_they_stand
from governance.api.principals import namespace_of
from governance.api.views import ApiView, readable
from governance.errors import Conflict, GateClosed, Missing
from lineage.models import ModelVersion

#: Rows of one answer; a question about all models of a large house is asked per namespace or environment.
MOST = 500


class GateView(ApiView):
    """May it be promoted?"""

    collection = "gate"

    @extend_schema(parameters=[GateQuery], responses={200: GateAnswerSerializer})
    def get(self, request: Request) -> HttpResponseBase:
        """The gate's answer for a version, requirement by requirement. `enforce=true` answers 409 when closed."""
        query = GateQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        version = self._version(asked)
        environment, slot = environment_named(asked["environment"]), asked["slot"]
        release = release_of(version, environment, slot)
        verdict = may_be_promoted(version, environment, slot)
        requirements = [r.as_dict() for r in as_read_by(verdict.requirements, self.principal)]
        if asked["enforce"] and not verdict.allowed:
            raise GateClosed(
                _("The gate is closed. Missing: %(keys)s.") % {"keys": ", ".join(r.key for r in verdict.missing)},
                requirements=requirements, params={"release": release.pk if release else None},
            )  # fmt: skip
        answer = {
            "allowed": verdict.allowed,
            "live": is_live(version, environment, slot),
            "namespace": version.model.namespace.name,
            "model": version.model.name,
            "version": version.number,
            "environment": environment.name,
            "slot": slot,
            "release": release.pk if release else None,
            "requirements": requirements,
        }
        return _unless_known(request, Response(GateAnswerSerializer(answer).data))

    def _version(self, asked: dict[str, Any]) -> ModelVersion:
        """The version meant. Raises Missing where there is none to read, Conflict where several are meant."""
        if "digest" in asked:
            found = list(versions_with_digest(self.principal, asked["digest"], asked.get("namespace")))
        else:
            versions = readable(ModelVersion, self.principal).select_related("model__namespace")
            versions = versions.filter(model__name=asked["model"], number=asked["version"])
            if "namespace" in asked:
                versions = versions.filter(model__namespace__name=asked["namespace"])
            elif self.principal.home_namespace_id is not None:
                home = versions.filter(model__namespace=self.principal.home_namespace_id)
                versions = home if home.exists() else versions
            found = list(versions[:2])
        if not found:
            raise Missing(_("No such model version, or none that you may read."))
        if len(found) > 1:
            raise Conflict(_("Several versions are meant. Name the namespace, or model and version."))
        return found[0]


def _unless_known(request: Request, response: Response) -> HttpResponseBase:
    """The answer with its ETag; 304 for whoever has it already, as `muniment wait` has, which asks on and on."""
    shown = json.dumps(response.data, sort_keys=True, default=str) + (get_language() or "")
    etag = f'"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"'
    response["ETag"] = etag
    return get_conditional_response(request._request, etag=etag, response=response) or response


class LiveView(ApiView):
    """What serves?"""

    collection = "live"

    @extend_schema(parameters=[LiveQuery], responses={200: LiveAnswerSerializer})
    def get(self, request: Request) -> Response:
        """What may serve now, per slot, and what needs attention; with `at`, what was live then and who had signed."""
        query = LiveQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        environment = environment_named(asked["environment"]) if "environment" in asked else None
        found = live(self.principal, environment=environment, at=asked.get("at"))
        if "namespace" in asked:
            found = found.filter(model__namespace=namespace_of(self.principal, asked["namespace"]))
        if "model" in asked:
            found = found.filter(model__name=asked["model"])
        promotions = list(found[:MOST])
        stand = {} if "at" in asked else how_they_stand([promotion.pk for promotion in promotions])
        for one, gaps in zip(
            stand.values(), all_as_read_by([s.gaps for s in stand.values()], self.principal), strict=True
        ):
            one.gaps = gaps
        rows = [self._row(promotion, stand.get(promotion.pk)) for promotion in promotions]
        answer = LiveAnswerSerializer({"at": asked.get("at") or timezone.now(), "results": rows}).data
        answer["results"] = sorted(
            [*answer["results"], *self._found(asked, MOST - len(rows))],
            key=lambda row: str(row["model"]),
        )
        return Response(answer)

    def _found(self, asked: dict[str, Any], most: int) -> list[dict[str, Any]]:
        """What serves as found, marked so: it never passed the gate."""
        found = as_found(self.principal, at=asked.get("at"))
        if "environment" in asked:
            found = found.filter(environment__name=asked["environment"])
        if "namespace" in asked:
            found = found.filter(model__namespace__name=asked["namespace"])
        if "model" in asked:
            found = found.filter(model__name=asked["model"])
        return [FoundLive(entry, asked.get("at")).as_row for entry in found[:most]]

    @staticmethod
    def _row(promotion: Promotion, serving: Serving | None) -> Promotion:
        row: Any = promotion
        row.artifact_digest, row.signers = artifact(promotion), signers(promotion)
        past: dict[str, Any] = {
            "may_serve": None,
            "review_overdue": None,
            "until": None,
            "notices": [],
            "fallback": None,
        }
        row.serving = past if serving is None else serving
        row.attention = [] if serving is None else [gap.as_dict() for gap in serving.gaps]
        return promotion
