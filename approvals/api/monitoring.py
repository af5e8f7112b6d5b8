"""End points of monitoring: windows in batches or from Prometheus text, money, and how a promotion is doing."""

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.money import enter_money, set_currency
from approvals.actions.monitoring import Report, Reported, report_windows
from approvals.api.serializers_monitoring import (
    CurrencyFilters,
    CurrencySerializer,
    CurrencyWriteSerializer,
    MoneyFilters,
    MoneySerializer,
    MoneyWriteSerializer,
    MonitoringAnswerSerializer,
    MonitoringWriteSerializer,
    PrometheusQuery,
    WindowFilters,
    WindowSerializer,
)
from approvals.api.serializers_standing import MonitoringQuery, MonitoringSerializer
from approvals.models import ModelCurrency, MoneyEntry, MonitoringWindow, Plan, PlanCriterion, Promotion
from approvals.monitoring.exposition import MAX_BYTES, read_scrapes
from approvals.monitoring.reading import Monitoring, PlanStanding, monitoring
from approvals.monitoring.selectors import Scrapes, measure
from governance.api.views import ApiView, RecordViewSet, readable, resolve
from governance.errors import Invalid, TooLarge
from governance.unit_of_work import receipts
from lineage.actions.bulk import Faults
from lineage.models import Model

Kind = MonitoringWindow.Kind
EXPOSITION = "text/plain"
POINT = ("start", "end", "low", "high", "last", "ci_low", "ci_high", "gap")


class _Places:
    """Promotions and plans by id, as the caller may read them; each looked up once."""

    def __init__(self, principal: Any) -> None:
        self.promotions = readable(Promotion, principal).select_related("release__model_version", "model")
        criteria = Prefetch("criteria", PlanCriterion.objects.order_by("id"))
        self.plans = readable(Plan, principal).select_related("namespace").prefetch_related(criteria)
        self._found: dict[tuple[str, int], Any] = {}

    def find(self, field: str, id: int) -> Any:
        """Raises Missing, naming the field."""
        if (field, id) not in self._found:
            self._found[field, id] = resolve(getattr(self, f"{field}s"), id, field=field)
        return self._found[field, id]


class MonitoringView(ApiView):
    """Windows of what is live: one, or up to a thousand at once."""

    collection = "monitoring"

    @extend_schema(
        operation_id="monitoring_create",
        request=MonitoringWriteSerializer,
        responses={201: MonitoringAnswerSerializer, 200: MonitoringAnswerSerializer},
    )
    def post(self, request: Request) -> Response:
        """Report windows, all of them or none; what is refused is named by its place. Sent again, they answer 200.

        Each holds numbers and no opinion: the verdict is worked out from the plan that was locked before.
        """
        data = self.read(MonitoringWriteSerializer)
        reason = self.reason(data)
        places, faults = _Places(self.principal), Faults("windows")
        reports: list[Report] = []
        for place, one in enumerate(data["windows"]):
            with faults.of(place):
                reports.append(_report(places, dict(one)))
            if faults.enough:
                break
        faults.require_none(len(data["windows"]))
        return _told(report_windows(actor=self.principal, reason=reason, reports=reports))


def _report(places: _Places, one: dict[str, Any]) -> Report:
    promotion, plan = places.find("promotion", one["promotion"]), places.find("plan", one["plan"])
    where: dict[str, Any] = {
        "promotion": promotion, "plan": plan, "start": one["window_start"], "end": one["window_end"],
        "tool": one["tool"],
    }  # fmt: skip
    if one.get("predictions") is not None:
        return Report(**where, kind=Kind.PREDICTIONS, predictions=one["predictions"])
    if (truth := one.get("truth")) is not None:
        known_until = truth.pop("known_until")
        given = {name: part for name, part in truth.items() if part is not None}
        return Report(**where, kind=Kind.TRUTH, known_until=known_until, truth=given)
    money = one.get("money") or {}
    return Report(
        **where,
        kind=Kind.BUSINESS if money else Kind.VALUES,
        values=one.get("values", ()),
        money=money,
        profile=one.get("profile") or {},
    )


def _told(made: list[Reported]) -> Response:
    told = receipts([one.window for one in made])
    rows = [
        {
            "id": window.pk, "evidence": window.evidence_id, "verdict": window.verdict, "created": created,
            "receipt": told[window],
        }
        for window, created in made
    ]  # fmt: skip
    new = [row for row in rows if row["created"]]
    answer = {"created": len(new), "receipt": new[-1]["receipt"] if new else None, "results": rows}
    code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
    return Response(MonitoringAnswerSerializer(answer).data, status=code)


class ExpositionParser(BaseParser):
    """Prometheus' text format, as it is."""

    media_type = EXPOSITION

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The text. Raises TooLarge, Invalid."""
        try:
            body: bytes = stream.read(MAX_BYTES + 1)
        except OSError:
            raise ParseError(_("The connection broke before the whole text had arrived.")) from None
        if len(body) > MAX_BYTES:
            raise TooLarge(_("The exposition is larger than %(limit)d bytes.") % {"limit": MAX_BYTES})
        try:
            return {"text": body.decode()}
        except UnicodeDecodeError:
            raise Invalid(errors={"(body)": [_("The body is not UTF-8.")]}) from None


class PrometheusView(ApiView):
    """A window read from what /metrics answered."""

    collection = "monitoring"
    parser_classes = (ExpositionParser,)

    @extend_schema(
        operation_id="monitoring_prometheus",
        parameters=[PrometheusQuery],
        request={EXPOSITION: OpenApiTypes.STR},
        responses={201: MonitoringAnswerSerializer, 200: MonitoringAnswerSerializer},
    )
    def post(self, request: Request) -> Response:
        """Report a window as Prometheus text 0.0.4: the plan's metrics say what is taken from it.

        Two expositions divided by a line `# EOF` are the window's start and end: counters count what they grew by.
        """
        query = PrometheusQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        places = _Places(self.principal)
        plan: Plan = places.find("plan", asked["plan"])
        promotion = places.find("promotion", asked["promotion"])
        if asked["window_start"] >= asked["window_end"]:
            raise Invalid(errors={"window_end": [_("After window_start.")]})
        text = request.data.get("text", "") if isinstance(request.data, dict) else ""
        *start, end = read_scrapes(text)
        values = [one.as_value() for one in measure([c.metric for c in plan.criteria.all()],
                                                    Scrapes(end, start[0] if start else None))]  # fmt: skip
        report = Report(
            promotion=promotion, plan=plan, start=asked["window_start"], end=asked["window_end"], kind=Kind.PROMETHEUS,
            values=values, tool=asked.get("tool", ""),
        )  # fmt: skip
        return _told(report_windows(actor=self.principal, reason=self.reason({}), reports=[report]))


class WindowViewSet(RecordViewSet):
    """Monitoring windows as they were reported, one by one. They are reported at /monitoring."""

    collection = "monitoring-windows"
    model = MonitoringWindow
    orderings = ("id", "recorded_at")
    serializer_class = WindowSerializer
    filter_class = WindowFilters


class CurrencyViewSet(RecordViewSet):
    """Currencies of models: one each, for good."""

    collection = "model-currencies"
    model = ModelCurrency
    serializer_class = CurrencySerializer
    related = ("model__namespace",)
    create_serializer_class = CurrencyWriteSerializer
    filter_class = CurrencyFilters

    def create(self, request: Request) -> Response:
        """Record in which currency a model's money is counted. The same one again answers 200, another one 409."""
        data = self.read(CurrencyWriteSerializer)
        reason = self.reason(data)
        model = resolve(readable(Model, self.principal).select_related("namespace"), data["model"], field="model")
        found, created = set_currency(actor=self.principal, reason=reason, model=model, currency=data["currency"])
        return self.written(found, created=created)


class MoneyViewSet(RecordViewSet):
    """What models brought and cost."""

    collection = "money-entries"
    model = MoneyEntry
    orderings = ("id", "recorded_at")
    serializer_class = MoneySerializer
    create_serializer_class = MoneyWriteSerializer
    filter_class = MoneyFilters

    def create(self, request: Request) -> Response:
        """Enter value or cost of a model over a period. The same entry of the same account answers 200."""
        data = self.read(MoneyWriteSerializer)
        reason = self.reason(data)
        models = readable(Model, self.principal).select_related("namespace")
        model = resolve(models, data.pop("model"), field="model")
        kind = MoneyEntry.Kind(data.pop("kind"))
        entry, created = enter_money(actor=self.principal, reason=reason, model=model, kind=kind, **data)
        return self.written(entry, created=created)


_ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH, description="The promotion's id.")


class PromotionMonitoringView(ApiView):
    """How a promotion is doing."""

    collection = "promotions"

    @extend_schema(parameters=[_ID, MonitoringQuery], responses={200: MonitoringSerializer})
    def get(self, request: Request, id: str) -> Response:
        """What was observed of it from the three viewpoints, rolled up into at most 180 points a line."""
        query = MonitoringQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        promotion = resolve(readable(Promotion, self.principal), id)
        found = monitoring(promotion, at=asked.get("as_of") or timezone.now(), since=asked.get("since"))
        return Response(MonitoringSerializer(standing(found)).data)


def standing(found: Monitoring) -> dict[str, Any]:
    """The answer's parts."""
    return {
        "promotion": found.promotion.pk,
        "at": found.at,
        "plans": [_plan(one) for one in found.plans],
        "money": found.money,
    }


def _plan(one: PlanStanding) -> dict[str, Any]:
    lines = [
        {
            "metric": line.criterion.metric, "slice": line.criterion.slice, "comparator": line.criterion.comparator,
            "threshold": line.criterion.threshold, "unit": line.unit,
            "points": [
                {name: getattr(point, name) for name in POINT}
                | {"crossed": line.crosses(point)} for point in line.points
            ],
        }
        for line in one.lines
    ]  # fmt: skip
    return {
        "plan": one.plan.pk, "kind": one.plan.kind, "title": one.plan.title, "windows": one.windows, "bad": one.bad,
        "first": one.first, "last": one.last, "expected_by": one.expected_by,
        "findings": [finding.pk for finding in one.findings], "lines": lines, "coverage": one.coverage,
    }  # fmt: skip
