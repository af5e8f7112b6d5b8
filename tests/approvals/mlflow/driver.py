"""Runs under the Python of a real MLflow client, not under ours: evaluates lines and tells what came of each as JSON.

Imports nothing of the project: it is what a user's script is.
"""

import json
import os
import sys
import time
from typing import Any


def shown(value: Any) -> Any:
    """What a test looks at: entities as the values of their public attributes."""
    if isinstance(value, dict):
        return {key: shown(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) or type(value).__name__ == "RepeatedScalarContainer":
        return [shown(inner) for inner in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    names = ("name", "version", "description", "source", "run_id", "run_link", "status", "current_stage", "tags",
             "aliases", "latest_versions", "user_id", "creation_timestamp", "last_updated_timestamp", "model_id")  # fmt: skip
    return {name: shown(getattr(value, name)) for name in names if hasattr(value, name)}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the client prints is no answer
    import mlflow  # type: ignore[import-not-found]  # of the other Python
    from mlflow import MlflowClient  # type: ignore[import-not-found]  # as above

    space: dict[str, Any] = {"mlflow": mlflow, "MlflowClient": MlflowClient, "os": os}
    print(json.dumps({"value": mlflow.__version__}), file=answers, flush=True)
    said: dict[str, Any]
    for line in sys.stdin:
        source = json.loads(line)
        began = time.perf_counter()
        try:
            try:
                code = compile(source, "<test>", "eval")
            except SyntaxError:
                exec(compile(source, "<test>", "exec"), space)
                said = {"value": None}
            else:
                said = {"value": shown(eval(code, space))}
        except Exception as error:
            said = {"error": type(error).__name__, "code": getattr(error, "error_code", ""), "message": str(error)}
        said["seconds"] = time.perf_counter() - began
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
