"""What many answers have in common, told once in OpenAPI's components and referred to from each operation."""

import json
from typing import Any

from django.utils.translation import gettext_lazy as _

from governance.api import errors, taken

TAG = _("The state of the record; for If-Match and If-None-Match.")
#: Headers of answers by the name of their component: name, schema, what it says.
HEADERS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "Etag": ("ETag", {"type": "string", "pattern": f"^{taken.ETAG}$"}, TAG),
    "Location": ("Location", {"type": "string", "format": "uri-reference"}, _("Where the new record is.")),
    "RateLimit": (
        "RateLimit",
        {"type": "string", "pattern": '^"account";r=[0-9]+;t=[0-9]+$'},
        _("Calls the account has left, and seconds until all are back. Left out where no limit is set."),
    ),
    "RateLimitPolicy": (
        "RateLimit-Policy",
        {"type": "string", "pattern": '^"account";q=[0-9]+;w=[0-9]+$'},
        _("How many calls an account has in how many seconds."),
    ),
    "Replayed": (
        "Idempotency-Replayed",
        {"type": "string", "enum": ["true"]},
        _("The answer that was given before under this Idempotency-Key; nothing was done again."),
    ),
    "RequestId": (
        "X-Request-Id",
        {"type": "string", "format": "uuid"},
        _("This request, as it stands in the server's log."),
    ),
    "RetryAfter": ("Retry-After", {"type": "integer", "minimum": 0}, _("Seconds after which to ask again.")),
    "Challenge": ("WWW-Authenticate", {"type": "string"}, _("How to say who calls.")),
}


def tell_headers(result: dict[str, Any], generator: Any, **more: Any) -> dict[str, Any]:
    """Postprocessing hook: the headers that answers refer to."""
    told = {name: {"schema": schema, "description": str(said)} for name, (_name, schema, said) in HEADERS.items()}
    result["components"]["headers"] = told
    return result


def share_problems(result: dict[str, Any], generator: Any, **more: Any) -> dict[str, Any]:
    """Postprocessing hook: problems that operations tell in the same words, once; they were half of the document."""
    names: dict[str, str] = {}
    shared = result["components"].setdefault("responses", {})
    for path in result["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if errors.CONTENT_TYPE not in answer.get("content", {}):
                    continue
                words = json.dumps([status, answer], sort_keys=True)
                alike = sum(name.startswith(f"Problem{status}") for name in shared)
                name = names.setdefault(words, f"Problem{status}-{alike + 1}")
                shared[name] = answer
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return result
