"""Policies as YAML over HTTP (application/yaml, RFC 9512): the JSON body's fields, faults with line and column."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from approvals.documents import located
from approvals.strict_yaml import MAX_BYTES, Read, read
from governance.api.errors import flat
from governance.api.parsers import WHOLE_BODY
from governance.errors import Invalid, TooLarge


class PolicyYamlParser(BaseParser):
    """Reads a policy written as YAML into what its JSON would be."""

    media_type = "application/yaml"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body as an object; where each part stands is kept at the request. Raises Invalid or TooLarge."""
        try:
            body = stream.read(MAX_BYTES + 1)
        except RequestDataTooBig:
            raise TooLarge(_("The text is larger than %(limit)d bytes.") % {"limit": MAX_BYTES}) from None
        except OSError:
            raise ParseError(_("The connection broke before the whole body had arrived.")) from None
        found = read(body)
        if not isinstance(found.value, dict):
            raise Invalid(errors={WHOLE_BODY: [_("Write a policy: environment, risk_tier, requirements, …")]})
        if parser_context is not None:
            parser_context["request"].yaml_source = found
        return found.value


@contextmanager
def named_where_it_stands(source: Read | None) -> Iterator[None]:
    """Give each refused field the line and column it has in the YAML it came from; without a source nothing changes."""
    try:
        yield
    except ValidationError as wrong:
        if source is None:
            raise
        faults: dict[str, list[str]] = {}
        for path, sentence in flat(wrong.detail):
            faults.setdefault(path, []).append(sentence)
        mend = _("Mend what stands under errors and send it again. Nothing was written.")
        raise Invalid(mend, errors=located(faults, source)) from wrong
    except Invalid as wrong:
        if source is None or not wrong.errors:
            raise
        raise Invalid(wrong.detail, errors=located(wrong.errors, source), params=wrong.params) from wrong


def source_of(request: Request) -> Read | None:
    """Where the parts of a YAML body stand; None for JSON. Raises Invalid or TooLarge as reading the body does."""
    _read_now = request.data
    return getattr(request, "yaml_source", None)
