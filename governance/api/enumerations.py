"""Names of enumerations in the schema: those of our own TextChoices, so that a new field renames nobody's types.

Left alone, drf-spectacular names an enumeration after its field, and after a hash as soon as two fields share a name.
"""

from collections.abc import Iterator
from typing import Any

from django.db import models
from drf_spectacular import plumbing
from drf_spectacular.hooks import postprocess_schema_enums
from drf_spectacular.settings import patched_settings, spectacular_settings

ROOMS = ("governance", "lineage", "approvals")


def enumerations(root: type[models.Choices] = models.Choices) -> Iterator[type[models.Choices]]:
    """Every enumeration of the project, nested ones included, in the order of their modules."""
    found = [one for one in root.__subclasses__() if one.__module__.split(".")[0] in ROOMS]
    yield from sorted(found, key=lambda one: (ROOMS.index(one.__module__.split(".")[0]), one.__module__, one.__name__))
    for one in root.__subclasses__():
        if one not in found:
            yield from enumerations(one)


def names() -> dict[str, type[models.Choices]]:
    """{"PrincipalKind": Principal.Kind, …}; of two with the same values and words the first names both."""
    named: dict[str, type[models.Choices]] = {}
    seen: set[str] = set()
    for one in enumerations():
        content = repr([(value, str(label)) for value, label in one.choices])
        name = one.__qualname__.replace(".", "")
        if name in named:
            name = one.__module__.split(".")[0].title() + name
        if content not in seen:
            seen.add(content)
            named[name] = one
    return named


def name_enumerations(result: dict[str, Any], generator: Any, **more: Any) -> dict[str, Any]:
    """Postprocessing hook: drf-spectacular's own, with our names."""
    # What is no class of ours (a part of one, say) is named in the settings, where a second component uses it.
    named = {**spectacular_settings.ENUM_NAME_OVERRIDES, **names()}
    with patched_settings({"ENUM_NAME_OVERRIDES": named}):
        plumbing._load_enum_name_overrides.cache_clear()
        postprocess: Any = postprocess_schema_enums
        finished: dict[str, Any] = postprocess(result, generator, **more)
    return finished


def loosen_sparse_answers(result: dict[str, Any], generator: Any, **more: Any) -> dict[str, Any]:
    """Postprocessing hook: where `fields=` may leave fields out, an answer may be the whole record or a part of it."""
    schemas = result["components"]["schemas"]

    def whole_or_part(whole: dict[str, Any]) -> dict[str, Any]:
        name = whole["$ref"].rsplit("/", 1)[1]
        schemas[f"{name}Part"] = {key: value for key, value in schemas[name].items() if key != "required"}
        return {"anyOf": [whole, {"$ref": f"#/components/schemas/{name}Part"}]}

    for path in result["paths"].values():
        operation = path.get("get", {})
        if not any(parameter["name"] == "fields" for parameter in operation.get("parameters", ())):
            continue
        content = operation["responses"]["200"]["content"]["application/json"]
        page = schemas[content["schema"]["$ref"].rsplit("/", 1)[1]]
        items = page.get("properties", {}).get("results", {}) if operation["operationId"].endswith("_list") else {}
        if "$ref" in items.get("items", {}):
            items["items"] = whole_or_part(items["items"])
        elif not items:
            content["schema"] = whole_or_part(content["schema"])
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result
