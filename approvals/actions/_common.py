"""What the actions of this room share. Private: actions call helpers, never each other."""

from typing import Any

from django.db import connection

from governance.accounts.models import Principal
from lineage.models import DatasetVersion, ModelVersion


def person_behind(principal: Principal) -> Principal:
    """The person who answers for what a principal does: itself, or who answers for the service account."""
    return principal.responsible or principal


def digest_of(subject: ModelVersion | DatasetVersion) -> str:
    """A subject's digest as `algorithm:hex`; "" while none is recorded."""
    return f"{subject.digest_algorithm}:{subject.digest_value}" if subject.digest_value else ""


def call(function: str, *arguments: Any) -> Any:
    """The value of a guard's function, asked in the running transaction. `function` is a constant of ours."""
    places = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT muniment.{function}({places})", list(arguments))
        return cursor.fetchone()[0]
