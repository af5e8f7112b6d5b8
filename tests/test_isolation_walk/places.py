"""What stands behind each address: which record its id names, what it is asked, and why some are left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from governance.accounts.models import ApiKey, CredentialEvent, Principal
from governance.api.views import RecordViewSet
from governance.history.models import GovernedModel
from lineage.models import Dataset
from tests.test_isolation_walk.scene import MARKS, Scene
from tests.test_permissions import plain

#: Addresses that show no record of a namespace, each with what does hold them.
LEFT_OUT = {
    "accounts/": "sign-in: everyone for themselves (tests/governance/accounts)",
    "admin/login": "as above",
    "admin/logout": "as above",
    "admin/password_change": "as above",
    "admin/jsi18n": "words of the product",
    "admin/r/": "always unknown; Django's own would tell apart what exists (tested in test_walk)",
    "admin/<app_label>": "names of tables",
    "admin/(?P<url>": "an address of the admin that is none",
    "log/": "signed heads, hashes and salted digests, for everyone by design (docs/trust.md)",
    "livez": "says that a process answers",
    "readyz": "says which part is missing",
    "metrics": "counts of the whole system, for operators: this machine or their token",
    "static/": "files of the product",
    "api/2.0/mlflow/": "for keys of service accounts alone (tests/approvals/mlflow/test_isolation.py)",
    "api/3.0/mlflow/server-info": "says what the product can do",
}

#: Pages whose first part is no collection of the API: the model of their id.
PAGES = {
    "places": "approvals.Policy",
    "policies": "approvals.Policy",
    "audit": "governance.Sample",
    "inbox": "governance.Notice",
    "openlineage": "lineage.OpenLineageEvent",
    "profiles": "lineage.DataProfile",
    "vocabularies": "lineage.VocabularyTerm",
    "imports": "lineage.ImportDraft",  # its sender's alone, whatever namespace it is for (tests/permission_table)
    "policy-versions": "approvals.PolicyVersion",
}

#: Tables to take out: of a namespace, of people, and one with a field that not all its readers read.
EXPORTED = ("lineage_dataset", "approvals_signoff", "approvals_conflictofinterest", "governance_principal")

#: Parameters that an address needs, or that are worth trying on it, by the side they point to.
ASKED: dict[str, Any] = {
    "api/v1/gate": lambda s, side: [
        f"model={side.model.name}&version={n}&environment=production{more}"
        for n in (1, 2)
        for more in ("", f"&namespace={side.cast.retail.name}", "&enforce=true")
    ] + [f"digest=sha256:{side.version.digest_value}&environment=production"],
    "api/v1/live": lambda s, side: ["", f"model={side.model.name}", "at=2026-01-01T00:00:00Z"],
    "api/v1/use": lambda s, side: [f"dataset={side.datasets['raw'].name}&purpose=dpv:CreditChecking"],
    **{
        f"api/v1/lineage/{what}": lambda s, side: [
            f"node={kind}:{pk}"
            for kind, pk in (
                ("dataset_version", side.versions["raw"].pk),
                ("run", side.runs["raw"].pk),
                ("model_version", side.version.pk),
            )
        ]
        for what in ("graph", "upstream", "downstream", "flags", "impact")
    },
    "api/v1/history": lambda s, side: [],  # each table, below
    "api/v1/log/proof/inclusion": lambda s, side: ["entry=1"],
    "api/v1/log/proof/consistency": lambda s, side: ["first=1&second=2"],
    "differences": lambda s, side: [f"table=lineage_model&id={side.model.pk}"],
    "api/v1/differences": lambda s, side: [f"table=lineage_model&id={side.model.pk}&from=2026-01-01"],
    "live": lambda s, side: ["", f"namespace={side.cast.retail.name}", "at=2026-01-01T00:00"],
    "api/v1/live-at": lambda s, side: ["", f"namespace={side.cast.retail.name}", "environment=production"],
    "search": lambda s, side: [f"q={MARKS[side.cast.retail.name]}", f"q={side.datasets['raw'].pk}"],
    "api/v1/search": lambda s, side: [
        f"q={MARKS[side.cast.retail.name]}", f"q={side.model.pk}", f"q={side.version.digest_value}"
    ],
    **{
        f"api/v1/exports/{what}": lambda s, side: [f"table={table}" for table in EXPORTED]
        for what in ("records", "history")
    },
    "trials/new": lambda s, side: [f"model={side.model.pk}"],
    "trials": lambda s, side: ["", f"model={side.model.pk}"],
    "change-plans": lambda s, side: ["", f"model={side.model.pk}"],
    "findings/new": lambda s, side: [f"model={side.model.pk}", f"dataset={side.datasets['raw'].pk}"],
    "datasets": lambda s, side: ["", f"q={MARKS[side.cast.retail.name]}", f"before={side.datasets['raw'].pk}"],
    "models": lambda s, side: ["", f"q={MARKS[side.cast.retail.name]}", f"before={side.model.pk}"],
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """An address of the product."""

    route: str
    viewset: type[RecordViewSet] | None
    action: str | None

    @property
    def has_id(self) -> bool:
        return "<" in self.route or "(" in self.route

    @property
    def of_act(self) -> bool:
        """Whether its id is that of an act, which is no number."""
        return "acts/<id>" in self.route

    @property
    def model(self) -> type[Model] | None:
        """Whose id it holds; None where nobody has said so yet."""
        if self.of_act:
            return Dataset
        if self.viewset is not None:
            return self.viewset.model
        parts = self.route.split("/")
        if parts[0] == "admin" and len(parts) > 3:
            return apps.get_model(parts[1], parts[2])
        first = self.route.removeprefix("api/v1/").split("/")[0]
        if first in PAGES:
            return apps.get_model(PAGES[first])
        # A page, or a file of a record at an address of its own.
        found = [p.viewset for p in places() if p.viewset and p.viewset.collection == first]
        return found[0].model if found else None

    def to(self, id: Any) -> str:
        """The address with an id in it; a second one (a state in the admin's history) is the newest's."""
        address = re.sub(r"<[^>]+>|\(\[/\]\+\)", str(id), self.route, count=1)
        return "/" + re.sub(r"<[^>]+>|\(\[/\]\+\)", "1", address)


def _left_out(route: str) -> bool:
    return route.startswith(tuple(LEFT_OUT)) or plain(route).startswith(tuple(LEFT_OUT))


def places() -> list[Place]:
    """Every address there is, except those left out."""

    def walk(patterns: list[Any], before: str) -> list[Place]:
        found: list[Place] = []
        for one in patterns:
            here = before + str(one.pattern)
            if isinstance(one, URLResolver):
                found += walk(one.url_patterns, here)
            elif isinstance(one, URLPattern) and not _left_out(here):
                cls = getattr(one.callback, "cls", None)
                of_records = cls if cls is not None and issubclass(cls, RecordViewSet) else None
                actions = getattr(one.callback, "actions", None) or {}
                found.append(Place(plain(here), of_records, actions.get("get")))
        return found

    return walk(get_resolver().url_patterns, "")


def act_of(record: int) -> str:
    """The act by which a dataset was recorded."""
    states: Any = Dataset.history  # type: ignore[attr-defined]  # simple-history ships no types
    return str(states.filter(id=record).values_list("action_id", flat=True)[0])


#: Of each kind so many of one's own records are looked at: the oldest and the newest.
LOOKED_AT = 3


def records_of(scene: Scene, model: type[Model], side: str) -> list[int]:
    """Ids of records of one namespace; of a model that knows none, those of record_of."""
    path = getattr(model, "namespace_path", "") if issubclass(model, GovernedModel) else ""
    if not path:
        one = record_of(scene, model, side)
        return [] if one is None else [one]
    ids = list(
        model._default_manager.filter(**{path: getattr(scene.cast, side).pk})
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    return list(dict.fromkeys([*ids[:LOOKED_AT], *ids[-LOOKED_AT:]]))


def record_of(scene: Scene, model: type[Model], side: str) -> int | None:
    """The id of a record of one namespace, or one that concerns its people alone; None: the model knows no namespace."""
    cast = scene.cast
    person = cast.viewer if side == "retail" else cast.outsider
    service = cast.pipeline if side == "retail" else cast.outsider_pipeline
    if model is Principal:
        return int(person.pk)
    if model is CredentialEvent:
        return int(CredentialEvent.objects.filter(principal=person).values_list("pk", flat=True)[0])
    if model is ApiKey:
        return int(ApiKey.objects.filter(principal=service).values_list("pk", flat=True)[0])
    path = getattr(model, "namespace_path", "") if issubclass(model, GovernedModel) else ""
    if not path:
        return None
    found = model._default_manager.filter(**{path: getattr(cast, side).pk}).order_by("pk")
    return found.values_list("pk", flat=True).first()
