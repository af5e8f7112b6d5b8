"""Fields of facts that the house's own do not cover."""

import hashlib
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance import errors
from governance.api.fields import TextField
from lineage.digests import Digest, parse_digest
from lineage.models.fields import DIGEST_HEX_LENGTHS

#: Algorithms by the length of their hexadecimal digits.
_BY_LENGTH = {length: [name for name, of in DIGEST_HEX_LENGTHS.items() if of == length] for length in (64, 96, 128)}
_WRITTEN = "|".join(f"({'|'.join(names)}):[0-9a-f]{{{length}}}" for length, names in _BY_LENGTH.items())
_DIGEST_TAKEN = [
    {"type": "string", "pattern": f"^({_WRITTEN})$", "examples": [f"sha256:{hashlib.sha256(b'loans').hexdigest()}"]},
    *(
        {
            "type": "object",
            "properties": {
                "algorithm": {"type": "string", "enum": names},
                "value": {"type": "string", "pattern": f"^[0-9a-f]{{{length}}}$"},
            },
            "required": ["algorithm", "value"],
            "additionalProperties": False,
        }
        for length, names in _BY_LENGTH.items()
    ),
]
_DIGEST_OBJECT = {
    "type": "object",
    "properties": {
        "algorithm": {"type": "string", "enum": list(DIGEST_HEX_LENGTHS)},
        "value": {"type": "string", "pattern": "^[0-9a-f]+$"},
    },
    "required": ["algorithm", "value"],
    "additionalProperties": False,
}


@extend_schema_field({"oneOf": _DIGEST_TAKEN})
class DigestField(serializers.Field[Any, Any, Any, Any]):
    """A digest, as `sha256:…` or `{"algorithm", "value"}`."""

    def to_internal_value(self, data: Any) -> Digest:
        """The parsed digest. Raises ValidationError."""
        if not isinstance(data, str | dict) or not data:
            raise serializers.ValidationError(_("Send sha256:… or an object with algorithm and value."))
        try:
            return parse_digest(data)
        except errors.Invalid as refusal:
            raise serializers.ValidationError(refusal.errors["digest"]) from None

    def to_representation(self, value: Any) -> Any:
        """Bodies are not shown."""
        return str(value)


@extend_schema_field({**_DIGEST_OBJECT, "type": ["object", "null"]})
class RecordedDigestField(serializers.Field[Any, Any, Any, Any]):
    """The digest of a version as an object; null while none is known."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, **kwargs)

    def to_representation(self, value: Any) -> Any:
        """Of the two columns."""
        if not value.digest_value:
            return None
        return {"algorithm": value.digest_algorithm, "value": value.digest_value}


class WordField(TextField):
    """One line of text, 256 characters at most unless said otherwise; may be left blank."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 256)
        kwargs.setdefault("allow_blank", True)
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)


class ProseField(TextField):
    """Paragraphs, 5,000 characters at most; may be left blank."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 5_000)
        kwargs.setdefault("allow_blank", True)
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)


def terms_list(help_text: Any, *, length: int = 200) -> serializers.ListField:
    """A list of terms of a vocabulary; which ones, the action checks."""
    return serializers.ListField(
        child=serializers.CharField(max_length=256), required=False, max_length=length, help_text=help_text
    )
