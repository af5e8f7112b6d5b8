"""End points of serving notices, and what they and `/live` show of them."""

from collections.abc import Mapping
from typing import ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.serving import clear_notice, confirm_notice
from approvals.api.fields import FlagField, ReasonedActSerializer, recorded
from approvals.models import ServingNotice, ServingNoticeEnd
from governance.accounts.models import Principal
from governance.api.acts import act
from governance.api.fields import IdField
from governance.api.masked import MaskedListSerializer, MaskedSerializer
from governance.api.principals import person_of
from governance.api.serializers import FilterSerializer, StrictModelSerializer
from governance.api.views import RecordViewSet, readable


class ServingNoticeEndSerializer(StrictModelSerializer):
    """What became of a notice."""

    class Meta:
        model = ServingNoticeEnd
        fields = ("id", "notice", "kind", "reason", "fallback", "recorded_at", "recorded_by")
        read_only_fields = fields


class ServingNoticeSerializer(MaskedSerializer, StrictModelSerializer):
    """A fact changed under a live promotion, and what the policy says is done."""

    masked: ClassVar[Mapping[str, str]] = ServingNotice.masked

    chain = serializers.ListField(
        child=serializers.DictField(),
        read_only=True,
        help_text=_("From the cause to the promotion; what lies in namespaces one may not read is without its name."),
    )
    end = ServingNoticeEndSerializer(read_only=True, default=None, allow_null=True)

    class Meta:
        model = ServingNotice
        list_serializer_class = MaskedListSerializer
        fields = (
            *("id", "promotion", "cause", "cause_id", "chain", "response", "policy_version", "due_at", "end"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class ServingNoticeFilters(FilterSerializer):
    """Of serving notices."""

    promotion = IdField(required=False)
    cause = serializers.CharField(required=False)
    standing = FlagField(required=False, source="end__isnull", help_text=_("true: without an end."))


class ServingNoticeViewSet(RecordViewSet):
    """Serving notices: written by the database when a fact changes under something live."""

    collection = "serving-notices"
    model = ServingNotice
    serializer_class = ServingNoticeSerializer
    filter_class = ServingNoticeFilters
    related = ("end", "promotion__model__namespace")

    def queryset_for(self, principal: Principal) -> QuerySet[ServingNotice]:
        """Of readable namespaces."""
        return readable(ServingNotice, principal)

    @act(ReasonedActSerializer, answer=ServingNoticeEndSerializer, creates=True)
    def confirm(self, request: Request, id: str) -> Response:
        """Let it keep serving, under your name: a person of the role the policy names, in time."""
        person, notice = person_of(request), self.find(id)
        reason = self.reason(self.read(ReasonedActSerializer))
        return recorded(confirm_notice(actor=person, reason=reason, notice=notice), ServingNoticeEndSerializer)

    @act(ReasonedActSerializer, answer=ServingNoticeEndSerializer, creates=True)
    def clear(self, request: Request, id: str) -> Response:
        """Say that its cause is gone. 409 where it is not."""
        notice = self.find(id)
        reason = self.reason(self.read(ReasonedActSerializer))
        return recorded(clear_notice(actor=self.principal, reason=reason, notice=notice), ServingNoticeEndSerializer)
