"""POST /api/v1/<collection>/bulk: up to 1,000 records of a kind, all of them or none."""

from functools import cache
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.serializers import ActReceiptSerializer, ReceiptSerializer, WriteSerializer
from governance.unit_of_work import receipts
from lineage.actions.bulk import BULK_LIMIT, Faults, Registration, register_all


class BulkItemSerializer(serializers.Serializer[Any]):
    """What became of one item, in the order they were sent."""

    id = serializers.IntegerField(help_text=_("The record's id."))
    created = serializers.BooleanField(help_text=_("false: it stood there already with the same content."))
    receipt = ReceiptSerializer()


class BulkAnswerSerializer(serializers.Serializer[Any]):
    """What became of all of them."""

    created = serializers.IntegerField(help_text=_("How many are new."))
    receipt = ActReceiptSerializer(allow_null=True, help_text=_("null: nothing was new, so nothing was written."))
    results = BulkItemSerializer(many=True)


@cache
def body_of(item: type[WriteSerializer]) -> type[WriteSerializer]:
    """The body of a bulk call: one reason, and items as the collection's own POST takes them, without theirs."""

    class Item(item):  # type: ignore[misc, valid-type]  # made per collection
        reason = None

    name = item.__name__.removesuffix("WriteSerializer")
    Item.__name__ = Item.__qualname__ = f"{name}BulkItemSerializer"
    Item.__doc__ = item.__doc__
    items = serializers.ListField(child=Item(), min_length=1, max_length=BULK_LIMIT)
    members = {"items": items, "__doc__": f"Up to {BULK_LIMIT} to register at once.", "__module__": item.__module__}
    metaclass: Any = type(WriteSerializer)
    made: type[WriteSerializer] = metaclass(f"{name}BulkSerializer", (WriteSerializer,), members)
    return made


class BulkMixin:
    """Gives a collection its `bulk`; mixed into a FactViewSet that says what `registration` a body asks for."""

    bulk_answer = BulkAnswerSerializer

    @classmethod
    def bulk_body(cls) -> type[WriteSerializer]:
        """What `bulk` reads."""
        return body_of(cls.create_serializer_class)  # type: ignore[attr-defined]  # of the viewset

    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """Register up to 1,000 at once, all or none; what is refused is named by its place."""
        view: Any = self
        data = view.read(self.bulk_body())
        reason = view.reason(data)
        faults = Faults("items")
        registrations: list[Registration] = []
        for place, item in enumerate(data["items"]):
            with faults.of(place):
                registrations.append(view.registration(dict(item)))
            if faults.enough:
                break
        faults.require_none(len(data["items"]))
        made = register_all(actor=view.principal, reason=reason, items=registrations)
        told = receipts([registered.record for registered in made])
        results = [{"id": one.pk, "created": created, "receipt": told[one]} for one, created in made]
        new = [row for row in results if row["created"]]
        answer = {"created": len(new), "receipt": new[-1]["receipt"] if new else None, "results": results}
        return Response(BulkAnswerSerializer(answer).data, status=201 if new else 200)
