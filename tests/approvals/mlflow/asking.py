"""Calls as a client of MLflow puts them on the wire, without its seconds of importing."""

import json
from base64 import b64encode
from typing import Any

from django.test import Client

from tests.cast import KEYS

PREFIX = "/api/2.0/mlflow/"


class Caller:
    """Someone who calls the registry with a service account's key."""

    def __init__(self, name: str = "pipeline", **headers: str) -> None:
        basic = b64encode(f"{name}:{KEYS[name]}".encode()).decode()
        self.client = Client(headers={"Authorization": f"Basic {basic}", **headers})

    def get(self, address: str, **query: Any) -> Any:
        """The answer to a GET."""
        return self.client.get(PREFIX + address, query)

    def send(self, method: str, address: str, body: Any = None, **fields: Any) -> Any:
        """The answer to a call with a JSON body; a text goes out as it is."""
        sent = body if isinstance(body, str) else json.dumps(body or fields)
        return self.client.generic(method, PREFIX + address, sent, content_type="application/json")

    def post(self, address: str, body: Any = None, **fields: Any) -> Any:
        """The answer to a POST."""
        return self.send("POST", address, body, **fields)


def code(answer: Any) -> tuple[int, str]:
    """Status and MLflow's error code ("" for a success)."""
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, answer.json().get("error_code", "")


REFUSED = (400, "INVALID_PARAMETER_VALUE")
MISSING = (404, "RESOURCE_DOES_NOT_EXIST")
CLOSED = (409, "RESOURCE_CONFLICT")
FORBIDDEN = (403, "PERMISSION_DENIED")
DONE = (200, "")
