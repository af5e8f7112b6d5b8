"""What `seed_records` has not of lineage and tracking, and what was found live, for the pages that show it."""

import datetime

from django.utils import timezone

from approvals.actions.imports import import_inventory, prepare_import
from approvals.actions.onboarding import confirm_window
from approvals.models import OnboardingWindow
from bench.openlineage import events
from bench.people import WHY, namespace, person
from bench.records import judged_model, training_sets
from governance.accounts.models import Principal
from lineage import actions
from lineage.actions.columns import ColumnLink, link_columns
from lineage.actions.openlineage import keep_events, recognised
from lineage.actions.tracking import name_tracking_server
from lineage.models import DatasetVersion, RunInput, RunOutput
from lineage.openlineage.working import work_off

COLUMNS = 200
EVENTS = 200
FOUND = 100


def lineage_of_each(owner: Principal) -> None:
    """Columns of a run, a voided link, events worked off, a server that was read, a recall, tags, names, stages.

    Args:
        owner: a model owner of everywhere who answers for none of the bench's accounts.
    """
    version = training_sets()[0]
    _columns_of(version)
    link = RunInput.objects.filter(run__outputs__dataset_version=version).order_by("pk")[0]
    assert link.dataset_version is not None  # bench.records derives data from data
    actions.correct_link(actor=person("steward"), link=link, **WHY)
    actions.recall(actor=person("risk"), digest=f"sha256:{link.dataset_version.digest_value}", **WHY)
    sent = [recognised(event) for number in range(EVENTS) for event in events(number, "desk")]
    keep_events(actor=person("pipeline"), events=sent, **WHY)
    work_off()
    _named(owner)


def _columns_of(version: DatasetVersion) -> None:
    made = RunOutput.objects.filter(dataset_version=version).select_related("run")[0]
    read = RunInput.objects.filter(run=made.run).select_related("dataset_version")[0].dataset_version
    assert read is not None  # bench.records derives data from data
    links = [ColumnLink(read, version, f"column_{n}", f"column_{n}", "direct") for n in range(COLUMNS)]
    link_columns(actor=person("pipeline"), run=made.run, links=links, **WHY)


def _named(owner: Principal) -> None:
    """What MLflow's own words are about: tags, aliases, descriptions, a server; and what was said later."""
    model = judged_model().model
    made = actions.register_model_version(
        actor=person("pipeline"), model=model, artifact_uri="runs:/0123456789abcdef0123456789abcdef/model", **WHY
    ).record  # fmt: skip
    actions.tag_model(actor=owner, model=model, tags={"team": "retail"}, **WHY)
    actions.tag_model_version(actor=owner, model_version=made, tags={"team": "retail"}, **WHY)
    actions.describe_model_version(actor=owner, model_version=made, text="Measured by the bench", **WHY)
    actions.set_alias(actor=owner, model_version=made, alias="challenger", **WHY)
    name_tracking_server(
        actor=person("admin"), namespace=namespace(), uri="http://tracking.bench.example:5000", **WHY
    )  # fmt: skip
    actions.complete_model_version(actor=owner, model_version=made, code_commit="ab" * 20, metrics={"auc": 0.8}, **WHY)


def found_live(window: OnboardingWindow, second: Principal, importer: Principal) -> None:
    """A hundred models that served before anybody governed them.

    Args:
        window: asked for by another than `second`, who confirms it. importer: an administrator of the namespace.
    """
    confirm_window(actor=second, window=window, **WHY)
    by = (timezone.now() + datetime.timedelta(days=90)).date()
    rows = [f"as-found-{n},sha256:{n:064x},production,2024-05-01,{by}" for n in range(1, FOUND + 1)]
    content = "\n".join(["name,version_digest,live_in,live_since,govern_by", *rows]).encode()
    draft = prepare_import(actor=importer, namespace=namespace(), content=content, name="served.csv", format="csv")
    import_inventory(actor=importer, draft=draft, whole=True, **WHY)
