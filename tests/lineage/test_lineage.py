"""What a model version was made from, who had a hand in it, and what its data lacks."""

import pytest

from governance import errors
from governance.unit_of_work import recorded_action
from lineage import actions, queries
from lineage.actions import Link
from lineage.models import Dataset, DatasetVersion, Run, RunInput, RunOutput
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts


def kinds(nodes: list[queries.Node]) -> dict[str, set[int]]:
    """Ids by kind."""
    found: dict[str, set[int]] = {}
    for node in nodes:
        found.setdefault(node.kind, set()).add(node.id)
    return found


def test_the_closure_reaches_through_runs_parents_and_outputs(facts: Facts) -> None:
    raw, clean, feedback = (facts.version(label=label) for label in ("raw", "clean", "feedback"))
    prepare = facts.run("prepare", inputs=[Link(raw, "source")], outputs=[Link(clean, "output")])
    base = facts.model_version(source_run=facts.run("pretrain", inputs=[Link(feedback, "training")]))
    train = facts.run("train", inputs=[Link(clean, "training")])
    tuned = facts.model_version(source_run=train, parent_version=base)
    found = kinds(queries.upstream(tuned))
    assert found["dataset_version"] == {raw.pk, clean.pk, feedback.pk}
    assert found["model_version"] == {tuned.pk, base.pk}
    assert {prepare.pk, train.pk} < found["run"]
    assert tuned.pk in kinds(queries.downstream(raw))["model_version"]


def test_a_baseline_model_is_compared_with_and_not_made_from(facts: Facts) -> None:
    theirs = facts.model_version(source_run=facts.run("old", inputs=[Link(facts.version(), "training")]))
    ours = facts.model_version(source_run=facts.run("new", inputs=[Link(theirs, "baseline")]))
    assert set(kinds(queries.upstream(ours))) == {"model_version", "run"}


def test_a_loop_ends(facts: Facts, cast: Cast) -> None:
    one, two = facts.version(label="one"), facts.version(label="two")
    facts.run("there", inputs=[Link(one, "source")], outputs=[Link(two, "output")])
    facts.run("back", inputs=[Link(two, "source")], outputs=[Link(one, "output")])
    model = facts.model_version(source_run=facts.run("train", inputs=[Link(one, "training")]))
    assert kinds(queries.upstream(model))["dataset_version"] == {one.pk, two.pk}


def _layers(facts: Facts, layers: int, wide: int) -> tuple[Run, int]:
    """A run at the end of a deep and dense graph: every version of a layer is made from three of the one before."""
    with recorded_action(actor=facts.cast.pipeline, reason=WHY):
        loans = Dataset.objects.create(namespace=facts.cast.retail, name="deep")
        versions = DatasetVersion.objects.bulk_create(
            DatasetVersion(dataset=loans, label=f"{layer}.{place}") for layer in range(layers) for place in range(wide)
        )
        runs = Run.objects.bulk_create(
            Run(namespace=facts.cast.retail, job_name="deep", run_key=f"deep-{place}") for place in range(len(versions))
        )
        last = Run.objects.create(namespace=facts.cast.retail, job_name="deep", run_key="last")
        inputs, outputs = [], []
        for place, (version, run) in enumerate(zip(versions, runs, strict=True)):
            outputs.append(RunOutput(run=run, dataset_version=version, role="output"))
            layer, offset = divmod(place, wide)
            sources = [(layer - 1) * wide + (offset + step) % wide for step in range(3)] if layer else []
            inputs += [RunInput(run=run, dataset_version=versions[source], role="source") for source in sources]
        inputs += [RunInput(run=last, dataset_version=version, role="training") for version in versions[-wide:]]
        RunOutput.objects.bulk_create(outputs)
        RunInput.objects.bulk_create(inputs)
    return last, len(versions)


def test_a_dense_graph_of_990_versions_thirty_deep_is_followed_to_its_end(facts: Facts) -> None:
    last, count = _layers(facts, 30, 33)
    model = facts.model_version(source_run=last)
    found = kinds(queries.upstream(model))
    assert len(found["dataset_version"]) == count == 990


def test_contributors_are_persons_and_whoever_answers_for_an_account_stands_for_it(facts: Facts, cast: Cast) -> None:
    run = facts.run(inputs=[Link(facts.version(), "training")])
    version = facts.model_version(source_run=run)
    assert {one.person_id for one in queries.contributors(version)} == {cast.engineer.pk}
    actions.update_model(actor=cast.owner, reason=WHY, model=version.model, changes={"title": "Scoring"})
    assert (cast.owner.pk, "edited") in queries.contributors(version)


def test_the_owner_of_a_model_is_a_contributor(facts: Facts, cast: Cast) -> None:
    version = facts.model_version(facts.model(owner=cast.business))
    assert (cast.business.pk, "owner") in queries.contributors(version)


def test_linking_data_to_a_run_makes_a_contributor_and_terms_and_flags_do_not(facts: Facts, cast: Cast) -> None:
    data, run = facts.source(), facts.run()
    version = facts.model_version(source_run=run)
    actions.record_terms(actor=cast.steward, reason=WHY, dataset=data.dataset, licence="MIT")
    actions.review_flag(actor=cast.steward, reason=WHY, dataset_version=data, category="pd:Age", present="no")
    assert cast.steward.pk not in {one.person_id for one in queries.contributors(version)}
    actions.link_run_input(actor=cast.steward, reason=WHY, run=run, item=data)
    assert (cast.steward.pk, "trained") in queries.contributors(version)


def test_a_source_owes_its_whole_provenance(facts: Facts) -> None:
    assert queries.provenance_missing(facts.version()) == [
        "source",
        "origin",
        "origin_geography",
        "date",
        "generation_period",
        "generation_method",
    ]
    assert queries.provenance_missing(facts.source()) == []
    assert queries.provenance_missing(facts.version(label="blank", source="  ", digest=None))[:2] == [
        "digest",
        "source",
    ]


def test_what_a_run_made_from_other_data_has_its_origin_there(facts: Facts) -> None:
    raw, clean = facts.source(), facts.version(label="clean")
    facts.run(inputs=[Link(raw, "source")], outputs=[Link(clean, "output")])
    assert queries.provenance_missing(clean) == []


def test_a_run_that_read_nothing_or_only_its_output_explains_nothing(facts: Facts) -> None:
    conjured, circular = facts.version(label="conjured"), facts.version(label="circular")
    facts.run("conjure", outputs=[Link(conjured, "output")])
    facts.run("circle", inputs=[Link(circular, "source")], outputs=[Link(circular, "output")])
    assert "source" in queries.provenance_missing(conjured)
    assert "source" in queries.provenance_missing(circular)


@pytest.mark.soak
def test_more_than_fifty_thousand_ancestors_are_an_error_and_not_a_guess(facts: Facts) -> None:
    last, _count = _layers(facts, 2, 26_000)
    version = facts.model_version(source_run=last)
    with pytest.raises(errors.Invalid, match="50,000"), recorded_action(actor=facts.cast.pipeline, reason=WHY):
        queries.upstream(version)
