"""Column lineage and what follows from it."""

from typing import Any

from django.utils import timezone

from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.actions.personal_data import record_finds
from lineage.models import ColumnLineage, DataProfile, LinkCorrection, PersonalDataFind
from lineage.quality.finds import Found
from tests.approvals.world import WHY, World, sha
from tests.permission_table.row import HIDDEN, NOBODY, PAGE_HIDDEN, PAGE_READERS, READERS, Row

_MAY_NOT = {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403}


def link(w: World) -> dict[str, Any]:
    """What a pipeline sends of one column of `raw` made from one of `source`."""
    return {
        "run": w.runs["raw"].pk, "source": w.versions["source"].pk, "source_column": "pay",
        "target": w.versions["raw"].pk, "target_column": "income",
    }  # fmt: skip


def column_lineage(w: World) -> ColumnLineage:
    """A recorded link."""
    return actions.link_column(
        actor=w.cast.pipeline, run=w.runs["raw"], source=w.versions["source"], source_column="pay",
        target=w.versions["raw"], target_column="income", **WHY,
    ).record  # fmt: skip


def correction(w: World) -> LinkCorrection:
    """A recorded correction, of a link that stands again."""
    return actions.correct_link(actor=w.cast.steward, link=w.runs["raw"].inputs.get(), **WHY)


def personal_data_find(w: World) -> PersonalDataFind:
    """What was found by looking at `raw`."""
    version = w.versions["raw"]
    with recorded_action(actor=w.cast.pipeline, **WHY):
        profile = DataProfile.objects.create(
            namespace=version.dataset.namespace, dataset_version=version, said_at=timezone.now(),
            content_digest=sha(f"profile of {version.pk}"),
        )  # fmt: skip
        (found,) = record_finds(
            profile, version, [Found("mail", "email", "pd:EmailAddress", 9, 9, True, ("j•••@•••.com",))]
        )
    return found


GET: dict[str, Row] = {
    "api/v1/personal-data-finds": Row((*READERS, "outsider"), NOBODY),
    "api/v1/personal-data-finds/<id>": Row(READERS, HIDDEN),
    "api/v1/link-corrections": Row((*READERS, "outsider"), NOBODY),
    "api/v1/link-corrections/<id>": Row(READERS, HIDDEN),
    "api/v1/column-lineage": Row((*READERS, "outsider"), NOBODY),
    "api/v1/column-lineage/<id>": Row(READERS, HIDDEN),
    **{
        f"api/v1/lineage/{what}": Row(READERS, HIDDEN, query=lambda things: {"node": things.node()})
        for what in ("graph", "upstream", "downstream", "flags", "impact")
    },
    **{
        f"{collection}/<id>/lineage": Row(PAGE_READERS, PAGE_HIDDEN)
        for collection in ("dataset-versions", "runs", "model-versions")
    },
    "runs/<id>/links": Row(PAGE_READERS, PAGE_HIDDEN),
}

POST: dict[str, Row] = {
    "runs/<id>/links": Row(
        ("steward", "owner"),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403},
        lambda things: {"link": f"input-{things.input_link()}", "kind": "void", **WHY},
    ),
    "api/v1/link-corrections": Row(
        ("steward", "owner"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403, "pipeline": 403},
        lambda things: {"run_input": things.input_link(), **WHY},
    ),
    "api/v1/column-lineage": Row(("pipeline", "steward"), _MAY_NOT, lambda things: things.column_link()),
    "api/v1/column-lineage/bulk": Row(
        ("pipeline", "owner"), _MAY_NOT, lambda things: {"items": [things.column_link()]}
    ),
}
