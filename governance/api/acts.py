"""Acts on a record: POST /api/v1/<collection>/{id}/<act>."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class ActSchema:
    """What the schema tells of an act."""

    body: type[serializers.BaseSerializer[Any]] | None
    answer: type[serializers.BaseSerializer[Any]] | None
    creates: bool
    repeats: bool


def act(
    body: type[serializers.BaseSerializer[Any]] | None,
    *,
    path: str | None = None,
    answer: type[serializers.BaseSerializer[Any]] | None = None,
    creates: bool = False,
    repeats: bool = False,
    parsers: Sequence[type[BaseParser]] = (),
) -> Callable[[Handler], Handler]:
    """Make a method of a RecordViewSet an act.

    Args:
        body: reads what is sent; None when nothing is.
        path: the last part of the address; the method's name with hyphens when left out.
        answer: what is answered, receipt excepted; the viewset's own record when left out.
        creates: whether it answers 201 with a new record of its own (a withdrawal, a sign-off).
        repeats: whether it answers 200 with the record that stood there already where the same was said before.
        parsers: what reads the body; left out, the house's own reader of JSON.
    """

    def decorate(handler: Handler) -> Handler:
        name = path or handler.__name__.replace("_", "-")
        read_by: dict[str, Any] = {"parser_classes": list(parsers)} if parsers else {}
        decorated: Any = action(detail=True, methods=["post"], url_path=name, url_name=name, **read_by)(handler)
        decorated.act_schema = ActSchema(body=body, answer=answer, creates=creates, repeats=repeats)
        return decorated  # type: ignore[no-any-return]  # the same function, annotated

    return decorate
