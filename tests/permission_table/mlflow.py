"""MLflow's registry: for service accounts with a key; who signs in has pages and the API."""

from collections.abc import Callable
from typing import Any

from tests.permission_table.row import Row

_PREFIX = "api/2.0/mlflow/"
_ANYWHERE = {"anonymous": 401, "owner": 401, "auditor": 401}
_ELSEWHERE = {**_ANYWHERE, "outsider_pipeline": 404}
_WRITES = {**_ELSEWHERE, "tester": 403}
#: An address that answers to PATCH or DELETE alone (tried in tests/approvals/mlflow), or to nothing.
_NOT_SO = Row((), {"anonymous": 404, "pipeline": 404, "owner": 404})


def _of(**more: Any) -> Callable[..., dict[str, Any]]:
    return lambda _things: {"name": "scoring", **more}


GET: dict[str, Row] = {
    "api/3.0/mlflow/server-info": Row(("anonymous", "pipeline", "outsider")),
    _PREFIX + "<path:rest>": _NOT_SO,
    _PREFIX + "registered-models/get": Row(("pipeline", "tester"), _ELSEWHERE, query=_of()),
    _PREFIX + "registered-models/search": Row(("pipeline", "tester", "outsider_pipeline"), _ANYWHERE),
    _PREFIX + "registered-models/get-latest-versions": Row(("pipeline", "tester"), _ELSEWHERE, query=_of()),
    _PREFIX + "registered-models/alias": Row(
        (), {**_ELSEWHERE, "pipeline": 400, "tester": 400}, query=_of(alias="champion")
    ),
    _PREFIX + "model-versions/get": Row(("pipeline", "tester"), _ELSEWHERE, query=_of(version="1")),
    _PREFIX + "model-versions/get-download-uri": Row(("pipeline", "tester"), _ELSEWHERE, query=_of(version="1")),
    _PREFIX + "model-versions/search": Row(("pipeline", "tester", "outsider_pipeline"), _ANYWHERE),
    **{
        _PREFIX + address: _NOT_SO
        for address in (
            "registered-models/update", "registered-models/delete", "registered-models/delete-tag",
            "model-versions/update", "model-versions/delete", "model-versions/delete-tag",
        )
    },
}  # fmt: skip

POST: dict[str, Row] = {
    _PREFIX + "registered-models/create": Row(
        ("pipeline",), {**_ANYWHERE, "tester": 403}, lambda _things: {"name": "fresh"}
    ),
    _PREFIX + "registered-models/rename": Row(("pipeline",), _WRITES, _of(new_name="scored")),
    _PREFIX + "registered-models/set-tag": Row(("pipeline",), _WRITES, _of(key="team", value="risk")),
    _PREFIX + "registered-models/get-latest-versions": Row(("pipeline", "tester"), _ELSEWHERE, _of()),
    _PREFIX + "registered-models/alias": Row(("pipeline",), _WRITES, _of(alias="canary", version="1")),
    _PREFIX + "model-versions/create": Row(("pipeline",), _WRITES, _of(source="s3://models/scoring/2")),
    _PREFIX + "model-versions/transition-stage": Row(("pipeline",), _WRITES, _of(version="1", stage="Archived")),
    _PREFIX + "model-versions/set-tag": Row(("pipeline",), _WRITES, _of(version="1", key="team", value="risk")),
}
