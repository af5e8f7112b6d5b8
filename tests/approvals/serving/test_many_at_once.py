"""Many that fall back at once: what they rest on in common is asked once, and each is answered as it would be alone."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.findings import raise_finding
from approvals.actions.promotions import promote
from approvals.models import Finding, Promotion
from governance.unit_of_work import recorded_action
from lineage.actions import correct_link
from lineage.models import CollectionTerms, DatasetVersion, Model, ModelVersion, RunInput
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.serving.scenes import LAST_GOOD, own_data, policy
from tests.approvals.world import PURPOSE, WHY, World, flag, give_terms, signature, train

pytestmark = pytest.mark.usefixtures("own_database")
Raw = Callable[[str], Connection]
MODELS = 6
OTHER = "dpv:FraudPreventionAndDetection"
#: Whether it fell back (the promotion it repeats, NULL: it serves no more), and every row of the decision.
OUTCOME = (
    "SELECT m.id, p.repeats_id, d.requirements FROM lineage_model m"
    " LEFT JOIN approvals_liveslot s ON s.model_id = m.id LEFT JOIN approvals_promotion p ON p.id = s.promotion_id"
    " LEFT JOIN approvals_gatedecision d ON d.promotion_id = p.id AND p.kind = 'fallback' ORDER BY m.id"
)


def a_model(w: World, name: str, **more: Any) -> Model:
    """Another model of the world's kind."""
    fields = {"intended_purpose": PURPOSE, "risk_tier": "high", "deployment_geography": ["DE"], **more}
    with recorded_action(actor=w.cast.pipeline, **WHY):
        return Model.objects.create(namespace=w.cast.retail, name=name, **fields)


def signed_and_live(w: World, version: ModelVersion) -> Promotion:
    """A version approved by a risk manager, and promoted."""
    release = w.release(version)
    w.vote("risk", w.cast.risk, release=release)
    return promote(actor=w.cast.pipeline, release=release, **WHY)


def withdrawn(connection: Connection, w: World, *terms: CollectionTerms) -> list[Any]:
    """What serves once these terms are withdrawn, in one transaction that is then undone."""
    with connection.transaction(force_rollback=True), acting(connection, w.cast.steward):
        for one in terms:
            connection.execute("INSERT INTO lineage_termswithdrawal (terms_id, reason) VALUES (%s, 'No')", [one.pk])
        return connection.execute(OUTCOME).fetchall()


def one_by_one(owner: Connection) -> None:
    """From here on nothing is remembered from one to the next."""
    owner.execute(
        "CREATE OR REPLACE FUNCTION muniment.remembering() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER"
        " SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN false; END $$"
    )


def populate(w: World, chance: random.Random) -> list[DatasetVersion]:
    """Models live on data three below `source`, each with earlier versions on some of three other data sets, or the same."""
    others = [own_data(w, name) for name in ("first", "second", "third")]
    for number in range(MODELS):
        model = a_model(w, f"model-{number}", deployment_geography=[chance.choice(["DE", "DE", "FR"])])
        for turn in range(chance.randint(1, 2)):
            version = train(w.cast, model, chance.choice([*others, w.versions["features"]]), f"{number}-{turn}",
                            features_used=chance.choice([["income"], ["age"]]))  # fmt: skip
            assert version.source_run is not None
            if chance.random() < 0.5:
                with recorded_action(actor=w.cast.pipeline, **WHY):
                    RunInput.objects.create(
                        run=version.source_run, dataset_version=chance.choice(others), role="source"
                    )
            signed_and_live(w, version)
        signed_and_live(w, train(w.cast, model, w.versions["features"], f"{number}-live"))
    return others


def spoil(w: World, chance: random.Random, others: list[DatasetVersion]) -> None:
    """Something that stands against some of the earlier versions, or takes their votes' ground away."""
    one, another = chance.sample(others, 2)
    match chance.randrange(6):
        case 0:
            flag(w.cast, one, column="age", excluded_from_training=True)
        case 1:
            give_terms(w.cast, one.dataset, permitted_geographies=["DE"], effective_from=timezone.now())
        case 2:
            give_terms(w.cast, one.dataset, effective_from=timezone.now() + timedelta(days=1))
        case 3:
            raise_finding(actor=w.cast.auditor, kind=Finding.Kind.AUDIT, text="Bias", severity=Finding.Severity.HIGH,
                          blocks=True, subject=one.dataset, **WHY)  # fmt: skip
        case 4:
            link = RunInput.objects.filter(dataset_version=another).order_by("?").first()
            assert link is not None
            correct_link(actor=w.cast.steward, link=link, kind="void", **WHY)
        case _:
            version = ModelVersion.objects.filter(source_run__inputs__dataset_version=one).order_by("pk").first()
            if version is not None and version.source_run is not None:  # made from what it was itself read for
                with recorded_action(actor=w.cast.pipeline, **WHY):
                    RunInput.objects.create(run=version.source_run, model_version=version, role="source")


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(n, marks=pytest.mark.soak) for n in range(3, 60))])
def test_each_is_answered_as_it_would_be_alone(w: World, raw: Raw, seed: int) -> None:
    chance = random.Random(seed)
    policy(w, {"terms_withdrawn": LAST_GOOD}, signature("risk", "risk_manager"))
    others = populate(w, chance)
    for _time in range(seed % 3):
        spoil(w, chance, others)
    terms = [w.terms["source"]]
    if chance.random() < 0.5:  # what was remembered for the first is not so for the second
        terms.append(CollectionTerms.objects.get(dataset=others[0].dataset, number=1))
    app = raw("app")
    together = withdrawn(app, w, *terms)
    one_by_one(raw("owner"))
    assert together == withdrawn(app, w, *terms)
    assert any(repeats for _model, repeats, _rows in together) or seed % 3


def test_the_same_data_may_be_used_for_the_one_and_not_for_the_other(w: World, raw: Raw) -> None:
    """The first may serve in Germany; what was found for it says nothing of the second, which is asked about France."""
    policy(w, {"terms_withdrawn": LAST_GOOD})
    shared = own_data(w, "shared")
    for place in ("DE", "FR"):
        model = a_model(w, place, deployment_geography=[place])
        for data in (shared, w.versions["features"]):
            release = w.release(train(w.cast, model, data, f"{place}-{data.pk}"))
            promote(actor=w.cast.pipeline, release=release, **WHY)
    give_terms(w.cast, shared.dataset, permitted_geographies=["DE"], effective_from=timezone.now())
    serving = withdrawn(raw("app"), w, w.terms["source"])
    assert [bool(repeats) for _model, repeats, _rows in serving] == [False, True, False]


@pytest.mark.parametrize("columns", [("income", "age"), ("age", "income")])
def test_the_same_data_is_asked_anew_for_another_use_of_its_columns(
    w: World, raw: Raw, columns: tuple[str, str]
) -> None:
    """One may not be trained on `age`: whichever is asked first, what was found for it says nothing of the other."""
    policy(w, {"terms_withdrawn": LAST_GOOD})
    shared = own_data(w, "shared")
    for column in columns:
        model = a_model(w, column)
        before = train(w.cast, model, shared, f"{column}-before", features_used=[column])
        for version in (before, train(w.cast, model, w.versions["features"], f"{column}-live")):
            promote(actor=w.cast.pipeline, release=w.release(version), **WHY)
    flag(w.cast, shared, column="age", excluded_from_training=True)
    serving = withdrawn(raw("app"), w, w.terms["source"])
    assert [bool(repeats) for _model, repeats, _rows in serving] == [False, *(column == "income" for column in columns)]


@pytest.mark.parametrize("moment", ["effective_from", "effective_to"])
@pytest.mark.parametrize("wanting", [False, True])
def test_what_is_known_of_terms_holds_until_they_begin_or_run_out(
    w: World, raw: Raw, moment: str, wanting: bool
) -> None:
    """Of the data of an earlier version, found good or wanting: a moment later other terms may say otherwise."""
    policy(w, {"terms_withdrawn": LAST_GOOD})
    shared = own_data(w, "shared")
    for number in range(2):
        model = a_model(w, f"model-{number}")
        for data in (shared, w.versions["features"]):
            promote(actor=w.cast.pipeline, release=w.release(train(w.cast, model, data, f"{number}-{data.pk}")), **WHY)
    until = timezone.now() + timedelta(hours=1)
    if wanting:
        give_terms(w.cast, shared.dataset, permitted_purposes=[OTHER], effective_from=timezone.now())
    give_terms(w.cast, shared.dataset, **{"effective_from": timezone.now(), moment: until},
               **({"permitted_purposes": [OTHER]} if wanting else {}))  # fmt: skip
    owner, superuser = raw("owner"), raw("superuser")
    owner.execute(
        "CREATE OR REPLACE FUNCTION muniment.forget() RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER"
        " SET search_path = pg_catalog, pg_temp AS $$ BEGIN END $$"
    )
    kinds = ("wanting ",) if wanting else ("terms ", "sensitivity ")
    with superuser.transaction(force_rollback=True), acting(superuser, w.cast.steward):
        superuser.execute(
            "INSERT INTO lineage_termswithdrawal (terms_id, reason) VALUES (%s, 'No')", [w.terms["source"].pk]
        )
        for kind in kinds:
            known = superuser.execute(
                "SELECT upper(r.good_for), muniment.remembered_as(r.key, clock_timestamp()) IS NOT NULL,"
                " muniment.remembered_as(r.key, %s) IS NOT NULL FROM muniment.remembered r WHERE starts_with(r.key, %s)",
                [until, kind],
            ).fetchall()
            assert known == [(until, True, False)], kind


def test_what_they_rest_on_in_common_is_asked_once_and_kept_no_longer(w: World, raw: Raw) -> None:
    """Of four made from the same data the terms are read once, the bytes of each; a fifth, on other data, asks for itself."""
    policy(w, {"terms_withdrawn": LAST_GOOD}, signature("risk", "risk_manager"))
    shared, other = own_data(w, "shared"), own_data(w, "other")
    for number, data in enumerate([shared, shared, shared, shared, other]):
        model = a_model(w, f"model-{number}")
        signed_and_live(w, train(w.cast, model, data, f"{number}-before"))
        signed_and_live(w, train(w.cast, model, w.versions["features"], f"{number}-live"))
    superuser = raw("superuser")
    superuser.execute("SET track_functions = 'all'")
    with superuser.transaction(force_rollback=True), acting(superuser, w.cast.steward):
        superuser.execute(
            "INSERT INTO lineage_termswithdrawal (terms_id, reason) VALUES (%s, 'No')", [w.terms["source"].pk]
        )
        assert [bool(repeats) for _model, repeats, _rows in superuser.execute(OUTCOME)] == [False] + [True] * 5
        asked = superuser.execute(
            "SELECT proname, pg_stat_get_xact_function_calls(oid) FROM pg_proc WHERE proname IN"
            " ('gate_artifact', 'gate_terms', 'gate_sensitivity', 'gate_provenance', 'privacy_epochs', 'records_above')"
        ).fetchall()
        assert dict(asked) == {"gate_artifact": 5, "gate_terms": 2, "gate_sensitivity": 2, "gate_provenance": 2,
                               "privacy_epochs": 2, "records_above": 2}  # fmt: skip
        assert superuser.execute("SELECT count(*) FROM muniment.remembered").fetchone() == (0,)


def test_of_many_made_from_the_same_data_one_is_tried_and_found_wanting_for_all(w: World, raw: Raw) -> None:
    """A fifth is asked about another place, a sixth falls back on data of its own: what was found says nothing of them."""
    policy(w, {"terms_withdrawn": LAST_GOOD}, signature("risk", "risk_manager"))
    before = w.versions["features"]
    scenes: list[tuple[str, DatasetVersion]] = [*[("DE", before)] * 4, ("FR", before), ("DE", own_data(w, "own"))]
    for number, (place, data) in enumerate(scenes):
        model = a_model(w, f"model-{number}", deployment_geography=[place])
        signed_and_live(w, train(w.cast, model, data, f"{number}-before"))
        signed_and_live(w, train(w.cast, model, before, f"{number}-live"))
    superuser = raw("superuser")
    superuser.execute("SET track_functions = 'all'")
    with superuser.transaction(force_rollback=True), acting(superuser, w.cast.steward):
        superuser.execute(
            "INSERT INTO lineage_termswithdrawal (terms_id, reason) VALUES (%s, 'No')", [w.terms["source"].pk]
        )
        assert [bool(repeats) for _model, repeats, _rows in superuser.execute(OUTCOME)] == [False] * 6 + [True]
        tried = superuser.execute(
            "SELECT pg_stat_get_xact_function_calls('muniment.serving_rows_of_many(bigint, timestamptz)'::regprocedure)"
        ).fetchone()
        assert tried == (3,)
        assert superuser.execute("SELECT count(*) FROM muniment.remembered").fetchone() == (0,)


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT * FROM muniment.remembered",
        "INSERT INTO muniment.remembered VALUES (pg_current_xact_id(), '', '(,)', 'true')",
        "DELETE FROM muniment.remembered",
        "SELECT muniment.remember_from_here()",
        "SELECT muniment.remember('terms', '(,)', '{}')",
        "SELECT muniment.remember_wanting(1, '[]')",
    ],
)
def test_A08_nobody_puts_words_into_its_memory(w: World, raw: Raw, attempt: str) -> None:
    with refuses("42501"), acting(raw("app"), w.cast.steward) as app:
        app.execute(attempt)  # type: ignore[arg-type]  # text of ours
