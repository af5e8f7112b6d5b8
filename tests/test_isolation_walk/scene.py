"""Two namespaces whose every text carries a mark, and whose every id begins with digits of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from django.db import connection, models
from django.utils import timezone
from psycopg import sql

from approvals.actions.findings import close_finding, raise_finding
from approvals.actions.money import set_currency
from approvals.actions.policies import write_policy_version
from approvals.actions.promotions import ask_for_promotion
from approvals.actions.releases import close_release
from approvals.actions.serving import clear_notice
from approvals.actions.sign_offs import declare_conflict, withdraw_sign_off
from approvals.models import Environment, Finding, PolicyVersion, Promotion, Release, ReleaseClosure, Vote
from governance import errors
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.actions.principals import create_person
from governance.accounts.models import Principal
from governance.accounts.roles import TWO_PERSON_ROLES, Role
from governance.history.models import governed_models, history_model
from governance.unit_of_work import recorded_action
from lineage.models import Model, ModelVersion, RiskTier, RunInput, TermsWithdrawal
from tests import databases
from tests.approvals.monitoring import scene as monitoring
from tests.approvals.serving import scenes
from tests.approvals.world import FACTS, WHY, World, build, flag, signature, train
from tests.cast import PASSWORD, Cast, email, load
from tests.permission_table import found, openlineage, trials

#: By namespace: a word that stands in each of its texts, and what its ids look like.
MARKS = {"retail": "quagga", "elsewhere": "okapi"}
IDS = {"retail": r"8[279]\d{8}", "elsewhere": r"7[123]\d{8}"}
#: The acts of the scene in their order, each with the ids it begins with. What is newest has the highest id, always.
ACTS = (
    (5_000_000_000, "everyone", "_policy"), (7_100_000_000, "elsewhere", "_small"), (8_200_000_000, "retail", "_live"),
    (8_500_000_000, "everyone", "_second_policy"), (7_200_000_000, "elsewhere", "_withdrawal"),
    (8_700_000_000, "retail", "_judged"), (7_300_000_000, "elsewhere", "_under_what_was_judged"),
    (8_900_000_000, "retail", "_refused"),
)  # fmt: skip

#: Why someone stepped aside: for them, and for who oversees conflicts there.
SECRET = "numbat"

#: People of the other namespace alone, beside the outsider: what oversight of one namespace may see.
OTHERS = {"inspector": ("Ines Inspector", "auditor"), "local_admin": ("Aldo Admin", "administrator"),
          "reader": ("Rosa Reader", "viewer")}  # fmt: skip
#: And of the walked one, beside the cast.
OWN = {"warden": ("Wanda Warden", "auditor")}


@dataclass
class Scene:
    """What was seeded."""

    cast: Cast
    retail: World
    elsewhere: World

    @property
    def upstream(self) -> set[str]:
        """What readers of `retail` know of the other namespace's data that their run read: the id that they linked."""
        return {str(self.elsewhere.versions["raw"].pk)}


@contextmanager
def scene() -> Iterator[Scene]:
    """The scene on a database of its own, which Django's connection uses meanwhile."""
    name = f"muniment_walk_{timezone.now():%H%M%S%f}"
    databases.copy(name)
    former = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield _seeded(name)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = former
        databases.drop(name)


def _seeded(database: str) -> Scene:
    cast = load()
    for name, (display, role) in (OTHERS | OWN).items():
        person = create_person(
            actor=cast.admin, email=email(name), display_name=display, password=PASSWORD, reason=WHY["reason"]
        )
        home = cast.retail if name in OWN else cast.elsewhere
        grant = grant_role(actor=cast.admin, principal=person, role=Role(role), namespace=home, **WHY)
        if Role(role) in TWO_PERSON_ROLES:
            approve_grant(actor=cast.admin2, grant=grant, **WHY)
    others = replace(
        cast, retail=cast.elsewhere, pipeline=cast.outsider_pipeline, tester=cast.outsider_pipeline,
        **dict.fromkeys(("steward", "owner", "risk", "risk2", "compliance", "business", "validator"), cast.outsider),
    )  # fmt: skip
    with psycopg.connect(databases.url("superuser", database), autocommit=True) as superuser:
        _count_from(superuser, ACTS[0][0])
        seed = _Seed(cast, others)
        for first, _whose, act in ACTS:
            _count_from(superuser, first)
            getattr(seed, act)()
        for space in (cast.retail, cast.elsewhere):
            _mark(superuser, space.pk, MARKS[space.name])
        _count_from(superuser, 9_000_000_000)  # what the walkers themselves leave
    for w in (seed.retail, seed.elsewhere):
        for one in (w.model, *w.datasets.values()):
            one.refresh_from_db()
    return Scene(cast, seed.retail, seed.elsewhere)


def _count_from(superuser: psycopg.Connection[Any], first: int) -> None:
    found = superuser.execute("SELECT seqrelid::regclass::text FROM pg_sequence WHERE seqtypid = 'bigint'::regtype")
    for (name,) in found.fetchall():
        superuser.execute(sql.SQL("ALTER SEQUENCE {} RESTART WITH {}").format(sql.SQL(name), sql.Literal(first)))


class _Seed:
    """The acts, one after the other."""

    retail: World
    elsewhere: World
    second: Release

    def __init__(self, cast: Cast, others: Cast) -> None:
        self.cast, self.others = cast, others

    def _policy(self) -> None:
        """What both are judged by at first; its persons to spare hold their role everywhere, so everyone knows them."""
        publishing = World(self.cast, Model(risk_tier="high"), ModelVersion())
        scenes.policy(publishing, {"finding_raised": scenes.TWO_DAYS})

    def _small(self) -> None:
        """What the other namespace has: facts, something live, a finding, a grant that waits."""
        w = self.elsewhere = build(self.others, MARKS["elsewhere"])
        self._watched(w, scenes.go_live(w))
        raise_finding(
            actor=self.cast.outsider, subject=w.model, kind=Finding.Kind.AUDIT, text="Found",
            severity=Finding.Severity.HIGH, blocks=True, **WHY,
        )  # fmt: skip
        self._brought_in(w)
        waiting = Principal.objects.get(name=email("reader"))
        grant_role(actor=self.cast.admin, principal=waiting, role=Role.VALIDATOR, namespace=self.cast.elsewhere, **WHY)

    @staticmethod
    def _watched(w: World, promotion: Promotion) -> None:
        """A window of what is live, and what it earned."""
        set_currency(actor=w.cast.owner, model=w.model, currency="EUR", **WHY)
        plan = monitoring.watch(w, title=f"Watch {w.cast.retail}")
        money = {"value": 12, "currency": "EUR"}
        monitoring.report(w, monitoring.values(promotion, plan, kind=monitoring.Kind.BUSINESS, money=money))

    @staticmethod
    def _brought_in(w: World) -> None:
        """What is proposed, what an inventory brought in, what serves as found, and what retraining may change."""
        found.change_plan(w)
        found.intake(w)
        found.inventory_import(w)
        found.entry_as_found(w)
        openlineage.received(w, f"{MARKS[w.cast.retail.name]}-churn")

    def _live(self) -> None:
        """What the walked namespace has: something live that was answered for."""
        cast, mark = self.cast, MARKS["retail"]
        w = self.retail = build(cast, mark)
        scenes.go_live(w, scenes.on_own_data(w, f"{mark}other"))
        live = scenes.go_live(w)
        self._watched(w, live)
        raised = raise_finding(
            actor=cast.auditor, subject=w.model, kind=Finding.Kind.AUDIT, text="Found", severity=Finding.Severity.HIGH,
            blocks=True, owner=cast.owner, **WHY,
        )  # fmt: skip
        close_finding(actor=cast.risk2, finding=raised, text="Mended", **WHY)
        clear_notice(actor=cast.risk2, notice=scenes.only_notice(live), **WHY)
        w.evidence(w.plan(title=f"{mark} plan"))
        trials.concluded(w)

    def _second_policy(self) -> None:
        self.retail.policy(*FACTS, signature("risk", "risk_manager", count=2, veto=True))

    def _withdrawal(self) -> None:
        """Data of the other namespace goes into a model of the walked one, and its terms are withdrawn."""
        with recorded_action(actor=self.others.steward, **WHY):
            TermsWithdrawal.objects.create(terms=self.elsewhere.terms["raw"], reason="The subjects objected")

    def _judged(self) -> None:
        """The rest of one of everything; the gate of its second version names the other namespace's data."""
        cast, w, mark = self.cast, self.retail, MARKS["retail"]
        second = w.retrain(2)
        with recorded_action(actor=cast.pipeline, **WHY):
            raw = self.elsewhere.versions["raw"]
            RunInput.objects.create(run=second.source_run, dataset_version=raw, role="training")
        release = w.release(second)
        withdraw_sign_off(actor=cast.risk2, sign_off=w.vote("risk", cast.risk2, release=release), **WHY)
        w.vote("risk", cast.risk, release=release, vote=Vote.REJECT)
        declare_conflict(actor=cast.business, model=w.model, text=f"{SECRET}: my sister sells it", **WHY)
        closed = w.release(train(cast, w.model, w.versions["features"], f"{mark}-third"))
        close_release(actor=cast.owner, release=closed, kind=ReleaseClosure.Kind.WITHDRAWN, **WHY)
        staging = Environment.objects.get(name="staging")
        above = PolicyVersion.objects.get(policy__environment=staging, policy__risk_tier="medium")
        asked = above.requirements.order_by("position").values("key", "kind", "title", "params", "binds")
        write_policy_version(
            actor=cast.policy, environment=staging, risk_tier=RiskTier.MEDIUM, namespace=cast.retail,
            requirements=list(asked), **WHY,
        )  # fmt: skip
        grant_role(actor=cast.admin, principal=cast.viewer, role=Role.VALIDATOR, namespace=cast.retail, **WHY)
        self._brought_in(w)
        self.second = release
        w.vote("risk", cast.risk2, release=release)

    def _under_what_was_judged(self) -> None:
        """What happens in the other namespace to that data after the vote: a flag that makes it stale."""
        flag(self.others, self.elsewhere.versions["raw"], category="pd:Health", present="yes")

    def _refused(self) -> None:
        """What the gate says then, as it is kept of a refusal."""
        with pytest.raises(errors.GateClosed):
            ask_for_promotion(actor=self.cast.pipeline, release=self.second, **WHY)


def _mark(superuser: psycopg.Connection[Any], namespace: int, mark: str) -> None:
    """Write the mark into every text of a namespace's rows and of their histories, past every guard."""
    marked = 0
    for model in governed_models():
        if not model.namespace_path:
            continue
        ids = list(model._default_manager.filter(**{model.namespace_path: namespace}).values_list("pk", flat=True))
        table, history = model._meta.db_table, history_model(model)._meta.db_table
        for one in (table, history):
            superuser.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(one)))
        for column in _texts(model):
            if _write(superuser, table, column, ids, mark):  # the history takes anything: it has no rules
                marked += _write(superuser, history, column, ids, mark)
        marked += _write(superuser, history, "history_change_reason", ids, mark)
    assert marked > 60, "hardly a text was marked"
    for table in ("lineage_datasetversion", "lineage_historicaldatasetversion"):
        asked = sql.SQL(
            "UPDATE {} v SET schema = %s::jsonb FROM lineage_dataset d WHERE d.id = v.dataset_id AND d.namespace_id = %s"
        )
        columns = f'[{{"name": "{mark}_column", "type": "text", "description": "{mark}"}}]'
        superuser.execute(asked.format(sql.Identifier(table)), [columns, namespace])


def _texts(model: type[models.Model]) -> list[str]:
    """Columns of free text without choices."""
    return [
        field.column
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField) and not field.choices
    ]


def _write(superuser: psycopg.Connection[Any], table: str, column: str, ids: list[int], mark: str) -> bool:
    """Whether the column took the mark: what has a form of its own (digests, keys, terms of a vocabulary) does not."""
    asked = sql.SQL("UPDATE {} SET {} = {} || %s WHERE id = ANY (%s)").format(
        sql.Identifier(table), sql.Identifier(column), sql.Identifier(column)
    )
    try:
        superuser.execute(asked, [f" {mark}", ids])
    except (psycopg.errors.CheckViolation, psycopg.errors.StringDataRightTruncation, psycopg.errors.UniqueViolation):
        return False
    return True
