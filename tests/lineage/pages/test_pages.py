"""The pages on datasets and models: what stands on them, in how many queries."""

from collections.abc import Callable
from typing import Any

import pytest

from approvals.actions.promotions import promote
from approvals.models import PlanKind
from governance.unit_of_work import recorded_action
from lineage.models import Dataset, TermsWithdrawal
from lineage.pages.graph import Graph, Node, place
from tests.approvals.world import WHY, World, dataset, flag, give_terms, signature
from tests.cast import Cast

Browser = Callable[[str], Any]
ARTIFACT = {"key": "artifact", "kind": "artifact"}


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content[:500]
    return " ".join(answer.content.decode().split())


def withdraw(w: World, name: str) -> None:
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms[name], reason="The hospital took its agreement back")


def test_a_dataset_answers_the_four_questions(w: World, signed_in: Browser) -> None:
    page = text_of(signed_in("steward").get(f"/datasets/{w.datasets['source'].pk}"))
    for question in ("Where does it come from?", "Under which terms may it be used?",
                     "Is it accurate and up to date?", "Does it hold personal data?"):  # fmt: skip
        assert question in page
    assert "Core banking" in page
    assert "CC-BY-4.0" in page
    assert "no good evidence is on record" in page
    assert "reviewed by Stefan Steward" in page


def test_what_is_unknown_or_missing_is_said_first(w: World, signed_in: Browser, cast: Cast) -> None:
    bare, version = dataset(cast, "bare", origin="")
    flag(cast, version, present="unknown", by=cast.pipeline, assessment="declared")
    page = text_of(signed_in("steward").get(f"/datasets/{bare.pk}"))
    assert "Incomplete" in page
    assert "<strong>origin</strong>" in page
    assert "Unknown: blocks" in page
    assert "No terms are in force." in page


def test_evidence_on_quality_shows_values_against_their_bounds(w: World, signed_in: Browser) -> None:
    source = w.versions["source"]
    plan = w.plan(PlanKind.DATA_QUALITY, subject=w.datasets["source"], title="Completeness")
    w.evidence(plan, "0.8999999999999999999", subject=source)
    page = text_of(signed_in("steward").get(f"/datasets/{w.datasets['source'].pk}"))
    assert "0.8999999999999999999" in page, "not rounded to 0.9"
    assert "Failed" in page
    assert "outside the bound" in page


def test_a_later_failure_outweighs_an_earlier_success(w: World, signed_in: Browser) -> None:
    source, address = w.versions["source"], f"/datasets/{w.datasets['source'].pk}"
    plan = w.plan(PlanKind.DATA_QUALITY, subject=w.datasets["source"])
    w.evidence(plan, "0.95", subject=source)
    assert "Shown to be" in text_of(signed_in("steward").get(address))
    w.evidence(plan, "0.5", subject=source)
    page = text_of(signed_in("steward").get(address))
    assert "A check failed" in page
    assert "Shown to be" not in page


def test_withdrawn_terms_are_told_with_what_is_live_downstream(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT)
    promote(actor=w.cast.owner, release=w.release(), **WHY)
    withdraw(w, "source")
    page = text_of(signed_in("steward").get(f"/datasets/{w.datasets['source'].pk}"))
    assert "were withdrawn by Stefan Steward" in page
    assert "decide whether they may keep serving" in page
    assert f'href="/model-versions/{w.version.pk}"' in page
    assert "Withdrawn" in text_of(signed_in("steward").get("/datasets"))


def test_the_drawing_and_its_table_say_the_same(w: World, signed_in: Browser) -> None:
    answer = signed_in("viewer").get(f"/datasets/{w.datasets['raw'].pk}")
    page = text_of(answer)
    graph = answer.context["graph"]
    assert {n.name for n in graph.upstream} == {"source", "derive"}
    assert {n.name for n in graph.downstream} == {"derive", "features", "train", "scoring"}
    assert page.count('<g class="node ') == len(graph.nodes) == 7
    assert page.count('class="edge"') == len(graph.edges) == 6
    assert "style=" not in page
    assert [n.name for n in graph.sources] == ["source"]


def test_what_lies_in_another_namespace_is_drawn_without_its_name(w: World, signed_in: Browser, cast: Cast) -> None:
    with recorded_action(actor=cast.outsider_pipeline, **WHY):
        from lineage.models import DatasetVersion, Run, RunInput, RunOutput

        secret = Dataset.objects.create(namespace=cast.elsewhere, name="secret-project")
        version = DatasetVersion.objects.create(dataset=secret, label="1")
        run = Run.objects.create(namespace=cast.elsewhere, job_name="secret-job", run_key="s-1")
        RunInput.objects.create(run=run, dataset_version=w.versions["source"], role="source")
        RunOutput.objects.create(run=run, dataset_version=version, role="output")
    page = text_of(signed_in("viewer").get(f"/datasets/{w.datasets['source'].pk}"))
    assert "secret" not in page
    assert "not yours to read" in page


def test_a_cycle_is_drawn_and_ends() -> None:
    nodes = [Node("run", 1, "a", ""), Node("dataset_version", 2, "b", "")]
    one, two = nodes[0].key, nodes[1].key
    graph = place(Graph(nodes, [(one, two), (two, one)]))
    assert len(graph.paths) == 2


def test_a_model_shows_what_is_live_who_signed_and_what_it_was_made_from(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, signature("risk", "risk_manager"))
    release = w.release()
    w.vote("risk", w.cast.risk, release=release)
    promote(actor=w.cast.owner, release=release, **WHY)
    page = text_of(signed_in("auditor").get(f"/models/{w.model.pk}"))
    assert "production" in page
    assert "Rita Risk" in page
    assert "features" in page
    assert "Emil Engineer" in page
    version = text_of(signed_in("auditor").get(f"/model-versions/{w.version.pk}"))
    assert "Live in production, slot champion" in version
    assert "recorded the run that trained it" in version


def test_lists_are_paged_by_key_and_searched(w: World, signed_in: Browser, cast: Cast) -> None:
    with recorded_action(actor=cast.pipeline, **WHY):
        for number in range(30):
            Dataset.objects.create(namespace=cast.retail, name=f"d{number:02}")
    browser = signed_in("viewer")
    first = browser.get("/datasets")
    assert len(first.context["page"].rows) == 25
    older = browser.get(f"/datasets?{first.context['page'].older}")
    assert len(older.context["page"].rows) == 8
    assert not {d.pk for d in first.context["page"].rows} & {d.pk for d in older.context["page"].rows}
    assert [d.name for d in browser.get("/datasets?q=D07").context["page"].rows] == ["d07"]
    assert "Nothing of that name" in text_of(browser.get("/datasets", {"q": "a\x00<b>"}))
    assert browser.get("/datasets?before=x").status_code == 404


@pytest.mark.parametrize(
    ("address", "queries"), [("datasets", 4), ("models", 5), ("dataset", 13), ("model", 14), ("version", 14)]
)
def test_queries_do_not_grow_with_what_is_shown(
    address: str, queries: int, w: World, signed_in: Browser, cast: Cast, django_assert_num_queries: Any
) -> None:
    paths = {"datasets": "/datasets", "models": "/models", "dataset": f"/datasets/{w.datasets['features'].pk}",
             "model": f"/models/{w.model.pk}", "version": f"/model-versions/{w.version.pk}"}  # fmt: skip
    w.policy(ARTIFACT, signature("risk", "risk_manager"))
    for number in range(3):
        version = w.retrain(number)
        release = w.release(version)
        w.vote("risk", cast.risk, release=release)
        promote(actor=cast.owner, release=release, **WHY)
        give_terms(cast, w.datasets["features"])
        _, other = dataset(cast, f"more-{number}")
        flag(cast, other)
        w.evidence(w.plan(subject=w.datasets["features"]), subject=w.versions["features"])
    paths["version"] = f"/model-versions/{version.pk}"  # one with a release
    browser = signed_in("auditor")
    with django_assert_num_queries(queries):
        assert browser.get(paths[address]).status_code == 200
