"""GET /api/reference: every call on one page, with a working example each, drawn from the schema. No script needed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

#: By operation: who makes the call, its query and its body (or `file`, a part of a form; or `text`, a body that is no
#: JSON), its status where it is not 201 (POST) or 200 (GET), and which fields a reader must fill in themselves. A call
#: that takes nothing has none. tests/test_reference.py sends each of them.
EXAMPLES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "examples.json").read_text("utf-8"))
_JSON = "application/json"
#: The examples' callers, in words.
_WHO: dict[str, Any] = {
    "pipeline": _("a pipeline, by its key"),
    "tester": _("a validator's service account, or a validator"),
    "owner": _("a model owner"),
    "steward": _("a data steward"),
    "risk": _("a risk manager, in their session"),
    "risk2": _("a second risk manager"),
    "compliance": _("a compliance officer, in their session"),
    "policy": _("a policy owner"),
    "policy2": _("a second policy owner"),
    "auditor": _("an auditor"),
    "admin": _("an administrator"),
    "admin2": _("a second administrator"),
}


@dataclass(frozen=True)
class Field:
    """A parameter or a field of a body."""

    name: str
    kind: str
    required: bool
    told: str


@dataclass(frozen=True)
class Operation:
    """A call, as the page tells it."""

    method: str
    path: str
    told: str
    parameters: list[Field]
    fields: list[Field]
    answers: list[tuple[str, str]]
    example: dict[str, Any]

    @property
    def key(self) -> str:
        """What it is called in the schema's and the examples' words, and the page's anchor."""
        return f"{self.method} {self.path}"

    @property
    def anchor(self) -> str:
        """The part of the address that leads to it."""
        return f"{self.method}-{self.path.removeprefix('/api/v1/')}".lower().replace("/", "-").replace("{id}", "id")

    @property
    def address(self) -> str:
        """The example's address below the product's own."""
        query = urlencode(self.example.get("query", {}))
        return self.path.replace("{id}", "7") + (f"?{query}" if query else "")

    @property
    def who(self) -> Any:
        """Who makes the example's call, in words; "" where anyone may who can read."""
        return _WHO.get(self.example.get("as", ""), "")

    @property
    def curl(self) -> str:
        """The example for a shell."""
        head = 'curl --fail-with-body \\\n  -H "Authorization: Bearer $MUNIMENT_API_KEY"'
        if self.method == "GET":
            return f'{head} \\\n  "$MUNIMENT_URL{self.address}"'
        if file := self.example.get("file"):
            return f'{head} \\\n  "$MUNIMENT_URL{self.address}" -F file=@{file["name"]}'
        if text := self.example.get("text"):
            kind = f'-H "Content-Type: {text["type"]}"'
            return f'{head} \\\n  {kind} \\\n  "$MUNIMENT_URL{self.address}" --data-binary @{text["name"]}'
        body = json.dumps(self.example.get("body", {}), indent=2, ensure_ascii=False).replace("'", "'\\''")
        return f'{head} \\\n  -H "Content-Type: {_JSON}" \\\n  "$MUNIMENT_URL{self.address}" -d \'{body}\''

    @property
    def python(self) -> str:
        """The example for Python with requests."""
        if self.method == "GET":
            query = self.example.get("query")
            given = f", params={query!r}" if query else ""
            call = f'api.get(url + "{self.path.replace("{id}", "7")}"{given})'
        elif file := self.example.get("file"):
            call = f'api.post(url + "{self.address}", files={{"file": open("{file["name"]}", "rb")}})'
        elif text := self.example.get("text"):
            kind = f'headers={{"Content-Type": "{text["type"]}"}}'
            call = f'api.post(url + "{self.address}", data=open("{text["name"]}", "rb"), {kind})'
        else:
            call = f'api.post(url + "{self.address}", json={_literal(self.example.get("body", {}))})'
        return f"answer = {call}\nanswer.raise_for_status()\nprint(answer.json())"


def _literal(value: Any) -> str:
    """A value as Python writes it, a line for each field."""
    if isinstance(value, dict) and value:
        rows = ",\n".join(f"    {name!r}: {inner!r}" for name, inner in value.items())
        return "{\n" + rows + ",\n}"
    return repr(value)


@cache
def document() -> dict[str, Any]:
    """The schema, as a client reads it; drawn once, since it takes a second."""
    from governance.api.docs import SchemaView

    generator: Any = SchemaView.generator_class()
    drawn: dict[str, Any] = json.loads(json.dumps(generator.get_schema(public=True), default=str))
    return drawn


@cache
def collections() -> dict[str, list[Operation]]:
    """Every operation by its collection."""
    found: dict[str, list[Operation]] = {}
    for operation in _operations(document()):
        found.setdefault(operation.path.removeprefix("/api/v1/").split("/")[0], []).append(operation)
    return found


def _operations(schema: dict[str, Any]) -> Iterator[Operation]:
    for path, verbs in schema["paths"].items():
        for verb, told in verbs.items():
            parameters = [
                Field(one["name"], f"{one['in']}, {_kind(one['schema'])}", one.get("required", False),
                      one.get("description", ""))
                for one in told.get("parameters", ()) if one["in"] != "path"
            ]  # fmt: skip
            content = told.get("requestBody", {}).get("content", {}).get(_JSON, {})
            yield Operation(
                method=verb.upper(), path=path, told=told.get("description", ""), parameters=parameters,
                fields=list(_fields(schema, content.get("schema", {}))),
                answers=[
                    (status, _resolved(schema, one).get("description", ""))
                    for status, one in sorted(told["responses"].items())
                ],
                example=EXAMPLES.get(f"{verb.upper()} {path}", {}),
            )  # fmt: skip


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        *_components, kind, name = part["$ref"].split("/")
        part = schema["components"][kind][name]
    return part


def _fields(schema: dict[str, Any], body: dict[str, Any]) -> Iterator[Field]:
    body = _resolved(schema, body)
    for name, one in body.get("properties", {}).items():
        told = one.get("description") or _resolved(schema, one).get("description", "")
        yield Field(name, _kind(one), name in body.get("required", ()), told)


def _kind(part: dict[str, Any]) -> str:
    """A type in words: text, number, list of …, one of …."""
    if "$ref" in part:
        return str(part["$ref"].rsplit("/", 1)[1]).removesuffix("Request")
    for key in ("oneOf", "anyOf", "allOf"):
        if key in part:
            return " or ".join(dict.fromkeys(_kind(one) for one in part[key]))
    if "enum" in part:
        return " | ".join("null" if one is None else str(one) or '""' for one in part["enum"])
    kind = part.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(_kind({**part, "type": one}) for one in kind)
    if kind == "array":
        return f"list of {_kind(part.get('items', {}))}"
    return str(part.get("format") or kind)


def page(request: HttpRequest) -> HttpResponse:
    """The reference; for everyone, as the schema is: it tells nothing of what is recorded."""
    return render(request, "api/reference.html", {"collections": collections(), "calls": _calls(get_language())})


@cache
def _calls(language: str) -> SafeString:
    """The part of the page that tells every call: the same for everyone, and a tenth of a second's work."""
    return render_to_string("api/reference_calls.html", {"collections": collections()})
