"""`/api/v1/notices`, one's own inbox, and `/api/v1/outbox`, for oversight of everything."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.api.serializers import ReasonSerializer
from governance.accounts.models import Principal
from governance.api.acts import act
from governance.api.serializers import FilterSerializer, StrictModelSerializer, with_receipt
from governance.api.views import RecordViewSet
from governance.outbox.actions import mark_read, replay
from governance.outbox.models import Notice, OutboxMessage, OutboxReplay
from governance.outbox.notices import wording
from governance.outbox.queries import STATES, in_state, inbox_of, messages_for


class NoticeSerializer(StrictModelSerializer):
    """Something one was told."""

    title = serializers.SerializerMethodField(help_text=_("One line, in the reader's language."))
    text = serializers.SerializerMethodField(help_text=_("What happened and what to do."))

    class Meta:
        model = Notice
        fields = ("id", "kind", "title", "text", "params", "url", "created_at", "read_at")
        read_only_fields = fields

    def get_title(self, notice: Notice) -> str:
        """From the kind's wording."""
        return wording(notice).title

    def get_text(self, notice: Notice) -> str:
        """From the kind's wording."""
        return wording(notice).body


class NoticeFilters(FilterSerializer):
    """Of one's notices."""

    kind = serializers.CharField(required=False)
    unread = serializers.ChoiceField(choices=[("true", "true"), ("false", "false")], required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`unread` as the lookup it stands for."""
        if (unread := attrs.pop("unread", None)) is not None:
            attrs["read_at__isnull"] = unread == "true"
        return attrs


class NoticeViewSet(RecordViewSet):
    """One's own inbox."""

    collection = "notices"
    model = Notice
    serializer_class = NoticeSerializer
    filter_class = NoticeFilters

    def queryset_for(self, principal: Principal) -> QuerySet[Notice]:
        """One's own, whoever one is."""
        return inbox_of(principal)

    @extend_schema(request=None, responses=NoticeSerializer)
    @action(detail=True, methods=["post"], url_path="read", url_name="read")
    def mark(self, request: Request, id: str) -> Response:
        """Mark it as read; again changes nothing."""
        notice = self.find(id)
        mark_read(reader=self.principal, notices=[notice.pk])
        return Response(self.get_serializer(self.find(id)).data)


class OutboxMessageSerializer(StrictModelSerializer):
    """One thing that must happen because of an act."""

    state = serializers.CharField(read_only=True, help_text=_("delivered, dead or pending"))

    class Meta:
        model = OutboxMessage
        fields = (
            *("id", "topic", "subject", "payload", "action_id", "state", "created_at", "available_at", "attempts"),
            *("delivered_at", "dead_at", "last_error"),
        )
        read_only_fields = fields


class OutboxReplaySerializer(StrictModelSerializer):
    """The act that had a message tried again."""

    class Meta:
        model = OutboxReplay
        fields = ("id", "message", "topic", "subject", "attempts", "last_error", "given_up_at", "recorded_at",
                  "recorded_by")  # fmt: skip
        read_only_fields = fields


class OutboxFilters(FilterSerializer):
    """Of messages."""

    topic = serializers.CharField(required=False)
    subject = serializers.CharField(required=False)
    action_id = serializers.UUIDField(required=False, help_text=_("The act that caused it."))
    state = serializers.ChoiceField(
        choices=[(one, one) for one in STATES], required=False,
        help_text=_("dead: given up; waiting: not delivered yet."),
    )  # fmt: skip


class OutboxViewSet(RecordViewSet):
    """What must leave the system. Administrators and auditors of everything."""

    collection = "outbox"
    model = OutboxMessage
    serializer_class = OutboxMessageSerializer
    filter_class = OutboxFilters

    def queryset_for(self, principal: Principal) -> QuerySet[OutboxMessage]:
        """See messages_for. Raises Forbidden."""
        return messages_for(principal)

    def filtered(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The part asked for; `state` is three columns."""
        serializer = OutboxFilters(data=self.request.query_params)
        serializer.is_valid(raise_exception=True)
        lookups = dict(serializer.validated_data)
        state = lookups.pop("state", None)
        return in_state(queryset, state).filter(**lookups) if state else queryset.filter(**lookups)

    @act(ReasonSerializer, answer=OutboxReplaySerializer, creates=True)
    def replay(self, request: Request, id: str) -> Response:
        """Have a message that was given up tried again. Administrators of everything; on record."""
        message = self.find(id)
        reason = self.reason(self.read(ReasonSerializer))
        [made] = replay(actor=self.principal, reason=reason, messages=[message])
        made.refresh_from_db()
        return Response(with_receipt(OutboxReplaySerializer)(made).data, status=201)
