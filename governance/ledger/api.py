"""`/api/v1/log`: the log's entries for auditors, and proofs for everyone who is signed in.

A proof is made of hashes and tells nothing of what was recorded. A leaf names table, object and actor, in whichever
namespace: it is shown to auditors and administrators of everything, and to the one who made the change.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.permissions import holds, require
from governance.accounts.roles import Role
from governance.api.fields import IdField
from governance.api.serializers import FilterSerializer
from governance.api.views import ApiView, DoorMixin
from governance.errors import Conflict, Invalid, Missing
from governance.ledger import merkle, store
from governance.ledger.models import LedgerEntry, LedgerPosition
from governance.ledger.verifier import canonical_json, parse_leaf

READERS = (Role.AUDITOR, Role.ADMINISTRATOR)


class PositionSerializer(serializers.Serializer[Any]):
    """An entry of the log as it was sealed."""

    position = serializers.IntegerField(help_text=gettext_lazy("Place in the log: 0, 1, 2, …"))
    entry = serializers.IntegerField(source="entry_id", help_text=gettext_lazy("The entry's id, as in receipts."))
    leaf = serializers.SerializerMethodField(help_text=gettext_lazy("What was recorded: table, object, actor, time, …"))
    leaf_hash = serializers.SerializerMethodField(help_text=gettext_lazy("SHA-256 of 0x00 and the leaf, hexadecimal."))

    def get_leaf(self, row: LedgerPosition) -> dict[str, Any]:
        """The leaf's fields; its text is their canonical JSON (RFC 8785)."""
        return parse_leaf(row.entry.leaf)

    def get_leaf_hash(self, row: LedgerPosition) -> str:
        """Hexadecimal."""
        return bytes(row.leaf_hash).hex()


class CheckpointSerializer(serializers.Serializer[Any]):
    """A signed tree head."""

    size = serializers.IntegerField(help_text=gettext_lazy("The number of entries it covers."))
    note = serializers.CharField(help_text=gettext_lazy("The signed note (C2SP tlog-checkpoint), word for word."))


class ProofSerializer(serializers.Serializer[Any]):
    """Hashes, hexadecimal, in the order of RFC 6962."""

    proof = serializers.ListField(child=serializers.CharField())
    checkpoint = CheckpointSerializer(help_text=gettext_lazy("The signed head that the proof leads to."))


class InclusionSerializer(ProofSerializer):
    """That an entry is in the log."""

    entry = serializers.IntegerField()
    position = serializers.IntegerField()
    leaf = serializers.CharField(
        allow_null=True, help_text=gettext_lazy("The leaf's text; null for readers who may not see it.")
    )
    leaf_hash = serializers.CharField()


class ConsistencySerializer(ProofSerializer):
    """That the log of one size is the beginning of the log of another."""

    first = serializers.IntegerField()
    second = serializers.IntegerField()


class LogFilters(FilterSerializer):
    """`since`: the first position wanted."""

    since = serializers.IntegerField(
        source="position__gte", required=False, min_value=0, max_value=2**63 - 1,
        help_text=gettext_lazy("The first position wanted."),
    )  # fmt: skip


class InclusionQuery(FilterSerializer):
    """Of which entry."""

    own = frozenset({"format"})
    entry = IdField(help_text=gettext_lazy("The entry's id, as in receipts."))


class ConsistencyQuery(FilterSerializer):
    """Between which sizes. Both names are said as the address has them."""

    own = frozenset({"format"})

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` cannot be the name of a class attribute."""
        return {
            "from": IdField(help_text=gettext_lazy("The size of the earlier log.")),
            "to": IdField(
                help_text=gettext_lazy("The size of a later checkpoint; left out, the newest."), required=False
            ),
        }


class LogView(DoorMixin, GenericAPIView[LedgerPosition]):
    """The log's entries in their order."""

    collection = "log"
    ordering = ("position",)
    serializer_class = PositionSerializer
    action = "list"  # tells the schema that this is a list

    def get_queryset(self) -> QuerySet[LedgerPosition]:
        """Every sealed entry."""
        return LedgerPosition.objects.select_related("entry").defer("entry__body", "entry__salt")

    @extend_schema(operation_id="log_list", parameters=[LogFilters])
    def get(self, request: Request) -> Response:
        """A page of sealed entries, oldest first. For auditors and administrators of everything."""
        require(self.principal, *READERS, namespace=None)
        page = self.paginate_queryset(self.get_queryset().filter(**_query(LogFilters, request)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class InclusionView(ApiView):
    """Proof that an entry is in the log."""

    collection = "log"

    @extend_schema(operation_id="log_proof_inclusion", parameters=[InclusionQuery], responses=InclusionSerializer)
    def get(self, request: Request) -> Response:
        """From an entry's leaf to the newest checkpoint. 409 while the entry waits to be sealed."""
        entry = LedgerEntry.objects.filter(pk=_query(InclusionQuery, request)["entry"]).only("leaf").first()
        if entry is None:
            raise Missing(_("The ledger has no such entry."))
        head = store.newest_checkpoint()
        position = store.position_of(entry.pk)
        if head is None or position is None or position >= head.size:
            raise Conflict(_("The entry is recorded and waits to be sealed. Ask again in half a minute."))
        proof = merkle.inclusion_proof(position, head.size, store.read_tile)
        leaf = parse_leaf(entry.leaf)
        who = self.principal
        shown = leaf["actor"] == who.pk or holds(who, *READERS, namespace=None)
        return Response(
            {
                "entry": entry.pk,
                "position": position,
                "leaf": canonical_json(leaf) if shown else None,
                "leaf_hash": merkle.leaf_hash(entry.leaf.encode()).hex(),
                **_proof(proof, head),
            }
        )


class ConsistencyView(ApiView):
    """Proof that the log only grew."""

    collection = "log"

    @extend_schema(operation_id="log_proof_consistency", parameters=[ConsistencyQuery], responses=ConsistencySerializer)
    def get(self, request: Request) -> Response:
        """The proof that the log of size `from` is the beginning of the log of size `to` (the newest, if left out)."""
        asked = _query(ConsistencyQuery, request)
        head = store.newest_checkpoint()
        if head is None:
            raise Missing(_("The log has no checkpoint yet."))
        first, second = asked["from"], asked.get("to", head.size)
        if not first <= second <= head.size:
            raise Invalid(
                _("The sizes are not valid."),
                errors={"from" if first > second else "to": [_("`from` <= `to` <= %(size)d.") % {"size": head.size}]},
            )
        signed = store.checkpoint_of(second)
        if signed is None:
            raise Missing(_("No checkpoint of size %(size)d was signed.") % {"size": second})
        proof = merkle.consistency_proof(first, second, store.read_tile, head.size)
        return Response({"first": first, "second": second, **_proof(proof, signed)})


def _query(serializer_class: type[FilterSerializer], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.query_params)
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = dict(serializer.validated_data)
    return found


def _proof(proof: list[bytes], head: store.Head) -> dict[str, Any]:
    return {"proof": [item.hex() for item in proof], "checkpoint": {"size": head.size, "note": head.note}}


urlpatterns = [
    path("log", LogView.as_view(), name="log-list"),
    path("log/proof/inclusion", InclusionView.as_view(), name="log-inclusion"),
    path("log/proof/consistency", ConsistencyView.as_view(), name="log-consistency"),
]
