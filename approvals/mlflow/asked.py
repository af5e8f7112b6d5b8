"""Reading a call: who asks, in which workspace, and each field once, under one name, within its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.translation import gettext as _

from governance.accounts.models import ApiKey, Namespace, Principal
from governance.api.authentication import (
    Caller,
    Question,
    find_caller,
    refuse_key_in_address,
    required,
    shown_in,
)
from governance.api.parsers import MAX_BYTES, read_json, text_fault
from governance.api.principals import ApiKeyIdentity, namespace_of, principal_of
from governance.api.scopes import require_scope
from governance.api.strictness import name_fault
from governance.errors import Invalid, TooLarge, Unauthenticated

WORKSPACE = "X-MLFLOW-WORKSPACE"
_CAMEL = re.compile(r"(?<=[a-z0-9])[A-Z]")
_WHOLE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a call."""

    kind: str = "text"
    """text, name (a model's), key (a tag's), version (a whole number in text), whole, flag, texts (a list), tags."""
    limit: int = 5_000
    """Characters of a text; the largest whole number."""
    required: bool = False
    default: Any = ""


@dataclass(slots=True)
class Asked:
    """A call as its handler gets it."""

    principal: Principal
    namespace: Namespace
    key: ApiKey
    reason: str
    values: dict[str, Any] = field(default_factory=dict)
    answer: Any = None
    """To the question that was asked along with who calls (reading.py)."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def require_scope(self, collection: str) -> None:
        """Raises Forbidden unless the key is good for writing such records too."""
        require_scope(self.key, collection=collection, method="POST")


def shown_key(request: HttpRequest) -> tuple[str | None, str]:
    """The account's name (None: not said) and the key that a call shows; Basic and Bearer are read alike.

    Raises:
        Unauthenticated, rest_framework's AuthenticationFailed (401), Invalid: no key, one of no such form, one in the
            address.
    """
    refuse_key_in_address(request.GET)
    shown = shown_in(request.META.get("HTTP_AUTHORIZATION", ""))
    if shown is None:
        raise Unauthenticated(
            _(
                "Send a service account's key: set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and"
                " MLFLOW_TRACKING_PASSWORD."
            )
        )
    return shown


def identify(request: HttpRequest, shown: tuple[str | None, str], question: Question) -> Caller:
    """The service account, its key and where it is, its call counted, the question answered.

    Raises:
        rest_framework's AuthenticationFailed (401): no valid key.
    """
    caller = find_caller(shown[1], request.headers.get(WORKSPACE), question)
    key = required(caller and caller.key, shown[0])
    request.user = ApiKeyIdentity(principal=key.principal, key=key)  # type: ignore[assignment]  # the logs read who asks from there
    principal_of(request)
    assert caller is not None
    return caller


def workspace_of(request: HttpRequest, caller: Caller) -> Namespace:
    """The namespace of the call: the workspace named, or the account's home.

    A home is where an account writes by default, not a right to read: that comes with a role, here as anywhere.

    Raises:
        Missing: none of that name in which the account has a role; nor at home. Invalid: none named, and no home.
    """
    if caller.namespace is not None:
        return caller.namespace
    principal = caller.key.principal
    named, home = request.headers.get(WORKSPACE), principal.home_namespace
    return namespace_of(principal, home.name if named is None and home is not None else named, field=WORKSPACE)


def values_of(request: HttpRequest, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values of a call's fields; those left out as their defaults. Unknown fields are left alone, as MLflow does.

    Raises:
        Invalid: a field given twice or under two spellings, of another kind, beyond its limit, or missing.
    """
    given = _query(request, fields) if request.method == "GET" else _body(request)
    told: dict[str, Any] = {}
    for key, value in given.items():
        name = _CAMEL.sub(lambda match: "_" + match.group().lower(), key)
        if name not in fields:
            continue
        if name in told:
            raise _invalid(name, _("Given twice, as %(name)s and in another spelling.") % {"name": name})
        told[name] = value
    return {name: _value(name, told.get(name), one) for name, one in fields.items()}


def _query(request: HttpRequest, fields: Mapping[str, Field]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, values in request.GET.lists():
        one = fields.get(_CAMEL.sub(lambda match: "_" + match.group().lower(), key))
        if one is not None and one.kind == "texts":
            found[key] = values
        elif len(values) > 1:
            raise _invalid(key, _("Give this parameter once."))
        elif one is not None and one.kind == "whole" and _WHOLE.fullmatch(values[0]):
            found[key] = int(values[0])
        else:
            found[key] = values[0]
    return found


def _body(request: HttpRequest) -> dict[str, Any]:
    if request.GET:
        raise Invalid(_("This call carries its fields in a JSON body; leave the query string out."))
    try:
        body = request.read(MAX_BYTES + 1)
    except RequestDataTooBig:
        raise TooLarge() from None
    except OSError:
        raise Invalid(_("The connection broke before the whole body had arrived.")) from None
    read = read_json(body) if body else {}
    if not isinstance(read, dict):
        raise Invalid(_("The body must be a JSON object: {…}."))
    return read


def _invalid(name: str, sentence: str) -> Invalid:
    return Invalid(_("%(name)s: %(why)s") % {"name": name, "why": sentence}, errors={name: [sentence]})


def _value(name: str, value: Any, one: Field) -> Any:
    if value is None or (value == "" and one.kind in ("text", "name", "key", "version")):
        if one.required:
            raise _invalid(name, _("Required."))
        return one.default
    if one.kind == "flag":
        return _flag(name, value)
    if one.kind == "whole":
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= one.limit:
            raise _invalid(name, _("A whole number from 1 to %(limit)d.") % {"limit": one.limit})
        return value
    if one.kind == "texts":
        return _texts(name, value, one.limit)
    if one.kind == "tags":
        return _tags(name, value)
    text = _text(name, value, one.limit)
    if one.kind == "version":
        if not _WHOLE.fullmatch(text) or int(text) < 1:
            raise _invalid(
                name, _("A version is a whole number from 1 on, such as 3; not “%(it)s”.") % {"it": text[:40]}
            )
        return int(text)
    if one.kind == "name" and (fault := _name_fault(text)):
        raise _invalid(name, fault)
    if one.kind == "key" and (fault := name_fault(text)):
        raise _invalid(name, fault)
    return text


def _text(name: str, value: Any, limit: int) -> str:
    if not isinstance(value, str):
        raise _invalid(name, _("Send text in quotation marks."))
    if len(value) > limit:
        raise _invalid(
            name, _("At most %(limit)d characters; it has %(length)d.") % {"limit": limit, "length": len(value)}
        )
    if fault := text_fault(value):
        raise _invalid(name, fault)
    return value


def _name_fault(text: str) -> str | None:
    if "/" in text or ":" in text:
        return _("A model's name holds neither / nor : here, for addresses such as models:/name/1.")
    return name_fault(text)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _invalid(name, _("Send true or false."))


def _texts(name: str, value: Any, limit: int) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > limit:
        raise _invalid(name, _("A list of at most %(limit)d texts.") % {"limit": limit})
    return [_text(name, one, 200) for one in value]


def _tags(name: str, value: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    if not isinstance(value, list) or len(value) > 100:
        raise _invalid(name, _("A list of at most 100 tags, each {key, value}."))
    for one in value:
        if not isinstance(one, Mapping) or not set(one) <= {"key", "value"}:
            raise _invalid(name, _("A tag is {key, value}."))
        key = _text(f"{name}.key", one.get("key", ""), 250)
        if fault := name_fault(key) if key else _("Required."):
            raise _invalid(f"{name}.key", fault)
        if key in found:
            raise _invalid(name, _("The tag %(key)s is given twice.") % {"key": key})
        found[key] = _text(f"{name}.value", one.get("value", ""), 100_000)
    return found
