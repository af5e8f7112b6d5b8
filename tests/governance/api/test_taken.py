"""What the schema says a text may be, beside what the fields take: they differ only where a pattern cannot say it."""

import re
import unicodedata
from typing import Any

import jsonschema_rs
import pytest
from django.http import QueryDict
from rest_framework.serializers import DateField, DecimalField, ValidationError

from approvals.api.serializers_evidence import EvidenceWriteSerializer, PlanWriteSerializer
from approvals.api.serializers_findings import FindingWriteSerializer
from governance.accounts.api.serializers import PrincipalFilters
from governance.api import reference, taken
from governance.api.fields import ExactJSONField, NameField, TextField
from governance.api.strictness import value_fault
from lineage.api.bodies import COMMIT, LinkCorrectionWriteSerializer, RunInputWriteSerializer

#: Every character of the first plane that Unicode has.
CHARACTERS = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]

BODIES: dict[str, Any] = {
    f"{body.__name__.removesuffix('Serializer')}Request": body
    for body in (EvidenceWriteSerializer, FindingWriteSerializer, LinkCorrectionWriteSerializer, PlanWriteSerializer,
                 RunInputWriteSerializer)
}  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The document as a client gets it."""
    return reference.document()


def lets_pass(pattern: str, text: str) -> bool:
    """As JSON Schema matches: anywhere, and `$` at the very end."""
    return re.search(pattern.removesuffix("$") + r"\Z", text) is not None


def test_text_is_told_character_for_character() -> None:
    maybe_blank, said = TextField(allow_blank=True), TextField()
    for character in CHARACTERS:
        for text in (character, f"a{character}", f" {character}\n"):
            assert lets_pass(taken.TEXT, text) == (value_fault(maybe_blank, text) is None), ascii(text)
            assert lets_pass(taken.SAID, text) == (value_fault(said, text) is None), ascii(text)
    assert lets_pass(taken.TEXT, "")
    assert not lets_pass(taken.SAID, "")


def test_a_name_is_told_but_for_unicodes_composed_form_and_what_hangs_on_the_characters_beside_it() -> None:
    name = NameField()
    for character in CHARACTERS:
        for text in (character, f"1{character}2", f"1{character}"):  # no letters: in a Latin word others are strangers
            beyond = unicodedata.normalize("NFC", text) != text or "\ufe00" <= character <= "\ufe0f"
            if not (beyond and lets_pass(taken.NAME, text)):
                assert lets_pass(taken.NAME, text) == (value_fault(name, text) is None), ascii(text)
    assert lets_pass(taken.NAME, "fr\u0430ud") and value_fault(name, "fr\u0430ud") is not None


@pytest.mark.parametrize("field", [TextField(), TextField(allow_blank=True), NameField()])
def test_a_text_tells_its_pattern_unless_it_is_told_otherwise(field: TextField) -> None:
    assert lets_pass(taken.as_taken(field, {"type": "string"})["pattern"], "Loans of 2025")
    assert not lets_pass(taken.as_taken(field, {"type": ["string", "null"]})["pattern"], "\x00")
    assert taken.as_taken(field, {"type": "string", "enum": ["a"]}) == {"type": "string", "enum": ["a"]}


def test_a_field_of_a_form_of_its_own_tells_that(schema: dict[str, Any]) -> None:
    told = schema["components"]["schemas"]
    assert told["ModelVersionWriteRequest"]["properties"]["code_commit"]["pattern"] == COMMIT
    assert told["ExpectationSetWriteRequest"]["properties"]["items"]["minItems"] == 1
    assert told["FlagWriteRequest"]["properties"]["treatment_parameters"]["type"] == "object"
    scope = told["ApiKeyWriteRequest"]["properties"]["scopes"]["items"]["pattern"]
    assert lets_pass(scope, "datasets:write")
    assert not lets_pass(scope, "datasets:writes")


def test_a_name_that_is_looked_for_is_told_as_any_text(schema: dict[str, Any]) -> None:
    parameters = schema["paths"]["/api/v1/principals"]["get"]["parameters"]
    (sought,) = [one["schema"] for one in parameters if one["name"] == "name"]
    assert lets_pass(sought["pattern"], "\r$Õ")
    assert PrincipalFilters(data=QueryDict("name=%0D$%C3%95")).is_valid()


def test_a_date_or_none_is_told_as_either() -> None:
    told = {"type": ["string", "null"], "format": "date", "description": "The last day."}
    either = [{"type": "string", "format": "date"}, {"type": "null"}]
    assert taken.as_taken(DateField(allow_null=True), told) == {"anyOf": either, "description": "The last day."}


@pytest.mark.parametrize(
    "given", ["0", "0.95", "-12345.123", 0.5, -7, 99999, "100000", 100000, "", "٣", "1.2345", True]
)
def test_a_decimal_is_told_as_text_or_as_a_number(given: Any) -> None:
    field = DecimalField(max_digits=8, decimal_places=3)
    told = taken.as_taken(field, {"type": "string", "format": "decimal", "pattern": "^-?$"})
    assert jsonschema_rs.is_valid(told, given) == (not refuses(field, given)), given


def refuses(field: DecimalField, given: Any) -> bool:
    """Whether a body with this value is refused."""
    if value_fault(field, given):
        return True
    try:
        field.run_validation(given)
    except ValidationError:
        return True
    return False


def test_free_json_is_told_as_what_it_is_and_never_as_null() -> None:
    assert taken.as_taken(ExactJSONField(kind=dict), {}) == {"type": "object"}
    assert taken.as_taken(ExactJSONField(kind=list), {}) == {"type": "array"}
    assert "null" not in taken.as_taken(ExactJSONField(), {})["type"]


@pytest.mark.parametrize("given", ["id", "id,name", "name,id,name"])
def test_fields_are_told_as_a_list_of_those_there_are(given: str) -> None:
    assert lets_pass(taken.fields_pattern({"id": 1, "name": 2}), given)
    assert not lets_pass(taken.fields_pattern({"id": 1, "name": 2}), f"{given},")
    assert not lets_pass(taken.fields_pattern({"id": 1, "name": 2}), f"{given}x")


@pytest.mark.parametrize("tags", ["*", '"1-a"', 'W/"1-a"', '"a", "b" ,"c"'])
def test_if_match_is_told_as_it_is_read(tags: str) -> None:
    assert lets_pass(f"^({taken.ETAGS})$", tags)
    assert not lets_pass(f"^({taken.ETAGS})$", f"{tags}x")


@pytest.mark.parametrize("body", BODIES)
def test_of_what_a_record_is_about_exactly_one_is_told_and_taken(schema: dict[str, Any], body: str) -> None:
    told = schema["components"]["schemas"][body]
    names = [name for one in told["oneOf"] for name in one["required"]]
    assert len(names) > 1 and set(names) <= set(told["properties"])
    serializer = BODIES[body]
    for given in ([], names[:2], names):
        refused = serializer(data=dict.fromkeys(given, 1))
        assert not refused.is_valid()
        assert f"Give exactly one of: {', '.join(names)}." in refused.errors[names[0]]
        assert not jsonschema_rs.is_valid({"oneOf": told["oneOf"]}, dict.fromkeys(given, 1))
    for name in names:
        one = serializer(data={name: 1})
        assert one.is_valid() or names[0] not in one.errors
        assert jsonschema_rs.is_valid({"oneOf": told["oneOf"]}, {name: 1})
