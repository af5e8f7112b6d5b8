"""The base classes of end points. A view parses and presents; an action decides; the database has the last word."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Exists, Model, OuterRef, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework import serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces
from governance.api import conditional, idempotency, listing, rates
from governance.api.acts import ActSchema
from governance.api.fields import MAX_ID
from governance.api.principals import api_key_of, namespace_of, principal_of, reason_of
from governance.api.scopes import require_scope
from governance.api.serializers import FilterSerializer, with_receipt
from governance.errors import Invalid, Missing, PreconditionFailed
from governance.history.as_of import page_as_of, rebuilt
from governance.history.models import GovernedModel, history_model
from governance.history.moments import is_read_from_history, may_have_changed, read_moment, standing_at
from governance.unit_of_work import Riders, riding

READING = ("GET", "HEAD", "OPTIONS")


class DoorMixin(APIView):
    """What every end point does: check the key's scope, answer OPTIONS plainly, read and answer in the house's way."""

    collection: ClassVar[str] = ""
    """The name under /api/v1/, and of the scope a key needs."""
    riders: Riders
    """What this call wants done in the transaction of its act."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a request; what rides along with its act is forgotten after it."""
        with riding() as self.riders:
            return super().dispatch(request, *args, **kwargs)

    answers_with_a_secret: ClassVar[frozenset[str]] = frozenset()
    """Actions whose answer must not be kept, so that they take no Idempotency-Key."""
    keyed: idempotency.Keyed | None = None
    rate: rates.Rate | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After authentication, before the handler.

        Raises MethodNotAllowed, Forbidden when the key was not issued for this, TooManyRequests, and what
        idempotency.begin raises.
        """
        super().initial(request, *args, **kwargs)
        if not (request.user and request.user.is_authenticated):
            return
        self.rate = rates.count(self.principal)
        if self.rate is not None:
            self.rate.require()
        if not self._answers(request.method or ""):
            self.http_method_not_allowed(request)  # first, or a header only another method takes would be judged
        require_scope(api_key_of(request), collection=self.collection, method=request.method or "")
        if request.method in READING or idempotency.HEADER not in request.headers:
            return
        if getattr(self, "action", None) in self.answers_with_a_secret:
            sentence = _("This answer holds a secret that is kept nowhere, so it cannot be given again. Leave it out.")
            raise Invalid(sentence, errors={f"({idempotency.HEADER})": [sentence]})
        self.keyed = idempotency.begin(request, self.principal)
        if self.keyed is not None:
            self.riders.notes.append(self.keyed.note)

    def _answers(self, method: str) -> bool:
        """Whether this address does anything for a method."""
        return method.lower() in self.http_method_names and hasattr(self, method.lower())

    def handle_exception(self, exc: Exception) -> Response:
        """The answer to what was raised: a problem, or the answer that a keyed call got before."""
        if isinstance(exc, idempotency.Replayed):
            return exc.response  # type: ignore[return-value]  # any response will do here
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The answer with what is said of the account's rate, kept where the call was keyed."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.rate.headers().items() if self.rate else ():
            answer[name] = value
        if self.keyed is not None:
            if isinstance(answer, Response):
                answer.add_post_render_callback(self.keyed.finish)
            else:
                self.keyed.finish(answer)
        return answer

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Which methods there are, in the Allow header; what they take stands in the schema."""
        return Response(status=status.HTTP_204_NO_CONTENT)

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return principal_of(self.request)

    def read(self, serializer_class: type[serializers.BaseSerializer[Any]]) -> dict[str, Any]:
        """The validated body. Raises ValidationError, answered with 400 and the fields named."""
        serializer = serializer_class(data=self.request.data, context={"request": self.request, "view": self})
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = dict(serializer.validated_data)
        return data

    def reason(self, data: dict[str, Any]) -> str:
        """Takes `reason` out of the body's data, or names the call."""
        given = reason_of(self.request, data)
        data.pop("reason", None)
        return given

    def namespace(self, data: dict[str, Any]) -> Namespace:
        """Takes `namespace` out of the body's data and finds it, or the caller's home. Raises Missing or Invalid."""
        return namespace_of(self.principal, data.pop("namespace", None))


class ApiView(DoorMixin, APIView):
    """An end point that is no collection of records, such as the gate."""


class RecordViewSet(DoorMixin, viewsets.GenericViewSet[Any]):
    """A collection of governed records: list and one of them; subclasses add `create` and acts.

    ::

        class DatasetViewSet(RecordViewSet):
            collection = "datasets"
            model = Dataset
            serializer_class = DatasetSerializer
            create_serializer_class = DatasetWriteSerializer   # for `create`, and for the schema
            filter_class = DatasetFilters                      # query parameters of the list

            def create(self, request: Request) -> Response:
                data = self.read(DatasetWriteSerializer)
                reason, namespace = self.reason(data), self.namespace(data)
                dataset, created = register_dataset(actor=self.principal, reason=reason, namespace=namespace, **data)
                return self.written(dataset, created=created)

            @act(RenameSerializer)                             # POST /datasets/{id}/rename, see acts.act
            def rename(self, request: Request, id: str) -> Response: ...
    """

    model: ClassVar[type[Model]]
    create_serializer_class: ClassVar[type[serializers.BaseSerializer[Any]] | None] = None
    filter_class: ClassVar[type[FilterSerializer] | None] = None
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    orderings: ClassVar[tuple[str, ...]] = ("id",)
    """What `ordering=` takes: columns that are indexed together with the id, and never null."""
    search_fields: ClassVar[tuple[str, ...]] = ()
    """Columns that `search=` looks into; none: there is no such parameter."""
    related: ClassVar[tuple[str, ...]] = ()
    """What `select_related` fetches along, so that a list stays at one query."""
    lookup_field = "id"
    lookup_url_kwarg = "id"
    lookup_value_regex = "[^/]+"
    """Anything: an id that is no number is answered by the same 404 as an unknown one."""

    moment: datetime | None = None
    """What `as_of` asks for; None: now."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As every door; and reads If-Match and `as_of`.

        Raises PreconditionFailed; Invalid where they are malformed, or the answer is about now only.
        """
        super().initial(request, *args, **kwargs)
        self._hold_to_what_was_seen(request, kwargs.get("id"))
        given = request.query_params.get("as_of")
        if given is None:
            return
        if getattr(self, "action", None) not in ("list", "retrieve"):
            sentence = _("Leave it out: this is about now. Records and lists answer as of a moment.")
            raise Invalid(_("as_of is not for this address."), errors={"as_of": [sentence]})
        if not issubclass(self.model, GovernedModel):
            sentence = _("Leave it out: these are no governed records, so what they were is not kept.")
            raise Invalid(_("as_of is not for this collection."), errors={"as_of": [sentence]})
        if len(request.query_params.getlist("as_of")) > 1:
            raise Invalid(_("as_of is given twice."), errors={"as_of": [_("Give this parameter once.")]})
        self.moment = read_moment(given)

    @contextmanager
    def as_it_stood(self) -> Iterator[None]:
        """For the time of the block, queries see the record as of the moment that was asked for."""
        if self.moment is None:
            yield
        else:
            with standing_at(self.moment):
                yield

    def queryset_for(self, principal: Principal) -> QuerySet[Any]:
        """The records this principal may read: those of readable namespaces, by the model's `namespace_path`."""
        return readable(self.model, principal)

    def get_queryset(self) -> QuerySet[Any]:
        """The readable records with what their answers need. The schema is drawn without a principal."""
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()
        found = self.queryset_for(self.principal)
        return found.select_related(*self.related) if self.related else found

    def _hold_to_what_was_seen(self, request: Request, id: str | None) -> None:
        """A change under If-Match holds its record to the state the caller saw.

        Raises PreconditionFailed (412) when it has changed, and what `read` raises where the body is wrong besides.
        Looked at again, under lock, in the act's transaction.
        """
        header = request.META.get("HTTP_IF_MATCH")
        if header is None or request.method in READING:
            return
        tags = conditional.read_tags(header, "If-Match")
        if id is None or not self.has_etags():
            sentence = _("There is no ETag here that it could match. Leave the header out.")
            raise Invalid(sentence, errors={"(If-Match)": [sentence]})
        try:
            conditional.require_match(tags, self.find(id), self.shown)
        except PreconditionFailed:
            # A body that is wrong in every state is told first: reading the record again would not mend it.
            told: ActSchema | None = getattr(getattr(self, self.action), "act_schema", None)
            if told is not None and told.body is not None:
                self.read(told.body)
            raise

        def unchanged() -> None:
            self.lock(self.find(id))
            conditional.require_match(tags, self.find(id), self.shown)

        self.riders.conditions.append(unchanged)

    @classmethod
    def has_etags(cls) -> bool:
        """Whether a record's state has a name: governed ones have, as each state of theirs is on record."""
        return issubclass(cls.model, GovernedModel)

    def lock(self, record: GovernedModel) -> None:
        """Hold a record, and whatever refers to it, as it is until the transaction ends."""
        list(type(record)._default_manager.select_for_update(of=("self",)).filter(pk=record.pk).values_list("pk"))

    def shown(self, record: GovernedModel) -> Mapping[str, Any]:
        """The whole record as whoever asks sees it: what its ETag stands for."""
        data: Mapping[str, Any] = self.serializer_class(record, context=self.get_serializer_context()).data  # type: ignore[misc]  # None only in a view without records
        return data

    def filtered(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The part the query parameters ask for. Raises ValidationError for unknown or malformed ones."""
        serializer = listing.parameters_of(type(self))(data=self.request.query_params)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        if self.moment is not None and not is_read_from_history(self.model):
            names = {field.source: name for name, field in serializer.fields.items()}
            looked_at = {**dict.fromkeys(asked), **(dict.fromkeys(self.search_fields) if "search" in asked else {})}
            refused = may_have_changed(self.model, looked_at)  # type: ignore[arg-type]  # `initial` lets governed ones pass
            if refused:
                sentence = _("This may have been otherwise at that moment: leave it out, or leave out as_of.")
                raise Invalid(
                    _("This filter cannot be combined with as_of."),
                    errors={names.get(one, "search"): [sentence] for one in refused},
                )
        return listing.narrowed(self, queryset, asked)

    def order(self) -> tuple[str, ...]:
        """The order asked for, which `filtered` has checked; the collection's own where none was."""
        return listing.order_of(self, self.request.query_params.get("ordering"))

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """What shows records; of them only the fields asked for, where a reader asks. Raises Invalid (400)."""
        made: Any = super().get_serializer(*args, **kwargs)
        if self.request is not None and self.request.method in READING:
            fields = getattr(made, "child", made).fields
            asked = listing.fields_asked(self.request.query_params.get("fields"), fields)
            for name in () if asked is None else [name for name in fields if name not in asked]:
                fields.pop(name)
        return made

    def list(self, request: Request) -> Response:
        """A page of them, newest first; with `as_of` as they stood at that moment."""
        with self.as_it_stood():
            page = self.paginate_queryset(self.that_existed(self.filtered(self.get_queryset())))
            return self.get_paginated_response(self.get_serializer(self.as_they_stood(page), many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        """One of them, with its ETag; 304 for whoever has it already.

        With `as_of` as it stood at that moment, 404 where it was not yet recorded, and no ETag: nothing of it changes.
        """
        if self.moment is not None:
            with self.as_it_stood():
                then = resolve(self.that_existed(self.get_queryset()), id)
                return Response(self.get_serializer(self.as_they_stood([then])[0]).data)
        record = self.find(id)
        serializer = self.get_serializer(record)
        if not self.has_etags():
            return Response(serializer.data)
        etag = conditional.etag_of(record, self.shown(record))
        if conditional.known_already(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return Response(serializer.data, headers={"ETag": etag})

    def that_existed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of accounts, whose tables are read as they are now, those recorded by the moment."""
        if self.moment is None or is_read_from_history(self.model):
            return queryset
        states = history_model(self.model)._default_manager  # type: ignore[arg-type]  # `initial` lets governed ones pass
        return queryset.filter(Exists(states.filter(id=OuterRef("pk"), history_date__lte=self.moment)))

    def as_they_stood(self, page: Any) -> Any:
        """A page of accounts with what their history says of the moment; anything else is read so already."""
        if self.moment is None or is_read_from_history(self.model):
            return page
        model: Any = self.model
        rows = [rebuilt(model, row) for row in page_as_of(model, [one.pk for one in page], self.moment)]
        prefetch_related_objects(rows, *self.related)
        return rows

    def find(self, id: str | int) -> Any:
        """The readable record of that id.

        Raises Missing (404) in the same words for an unknown id, one of another namespace, one beyond bigint and text.
        """
        return resolve(self.get_queryset(), id)

    def written(self, record: GovernedModel, *, created: bool = True) -> Response:
        """The record and its receipt: 201 for a new one, 200 for one that stood there already with the same content."""
        serializer = with_receipt(self.serializer_class)(record, context=self.get_serializer_context())  # type: ignore[arg-type]  # None only in a view without records
        headers = {"Location": f"/api/v1/{self.collection}/{record.pk}"} if created else {}
        # Read again as a reader gets it: what an action hands back may still hold what was there before.
        if (fresh := self.get_queryset().filter(pk=record.pk).first()) is not None:
            headers["ETag"] = conditional.etag_of(fresh, self.shown(fresh))
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(serializer.data, status=code, headers=headers)


def readable(model: type[Model], principal: Principal) -> QuerySet[Any]:
    """The rows of a governed model that a principal may read, by its `namespace_path`.

    A model without a namespace ("") is readable by whoever may read anything; its view narrows that where needed.
    """
    namespaces = readable_namespaces(principal)
    path = getattr(model, "namespace_path", "namespace")
    if not path:
        return model._default_manager.all() if namespaces.exists() else model._default_manager.none()
    return model._default_manager.filter(**{f"{path}__in": namespaces})


def resolve(queryset: QuerySet[Any], id: str | int, *, field: str | None = None) -> Any:
    """The record of that id in a queryset that is already narrowed to what the caller may read.

    Raises Missing (404), naming the body's `field` when the id came from one.
    """
    text = str(id)
    plain = text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= MAX_ID
    found = queryset.filter(pk=int(text)).first() if plain else None
    if found is None:
        errors: Mapping[str, list[str]] = {field: [_("No such record, or none that you may read.")]} if field else {}
        raise Missing(_("No such record, or none that you may read."), errors=errors)
    return found
