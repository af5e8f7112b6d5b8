"""Chapter 1: the pipeline puts on record what the data is, what it was made from, and the first trained model."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from scene import MODEL, PURPOSE, Scene, digest_of
from science import SEED, TEST_SHARE, Candidate, Table

CITATION = (
    "UCI Machine Learning Repository: Breast Cancer Wisconsin (Diagnostic), W. Wolberg, W. N. Street, O. Mangasarian "
    "(1995), doi:10.24432/C5DW2B; the copy that scikit-learn carries"
)
PROVENANCE = {
    "source": CITATION,
    "origin": "Digitised images of fine needle aspirates of breast masses, University of Wisconsin Hospitals, Madison",
    "origin_geography": "US-WI",
    "date": "1995-10-31",
    # The publishers name no days. These are outer bounds: Dr Wolberg's consecutive patients began in 1984 (UCI's notes
    # on the prognostic part of the same collection), and nothing came after the donation.
    "generation_period_start": "1984-01-01",
    "generation_period_end": "1995-10-31",
    "generation_method": "Ten features of the cell nuclei, measured by contour fitting (Street, Wolberg, Mangasarian "
    "1993): mean, standard error and largest value of each",
    "data_collection_process": "Patients of one clinician; diagnosis from biopsy. The period of generation is given by "
    "its outer bounds, because the publishers name no days.",
    "known_bias": "One hospital, one clinician. Neither age nor ethnicity is recorded, so differences between groups "
    "of patients cannot be measured on it.",
    "missing_data": "None.",
    "preprocessing": "scikit-learn left out UCI's column of sample numbers and counts benign as 1.",
    "annotation_protocol": "Malignant cases confirmed by biopsy; benign ones by biopsy or periodic examination.",
}
SPLIT = f"{TEST_SHARE:.0%} of the cases held out for testing, stratified by diagnosis, seed {SEED}; malignant is 1."
TERMS = {
    "licence": "CC-BY-4.0",
    "original_purpose": "dpv:ScientificResearch",
    "permitted_purposes": ["dpv:AcademicResearch", "dpv:ResearchAndDevelopment", "dpv:ScientificResearch"],
    "controller": "University of Wisconsin-Madison",
    "effective_from": "1995-10-31T00:00:00Z",
}
HEALTH = {
    "category": "pd:MedicalHealth",
    "present": "yes",
    "special_category": True,
    "regulation_sets": ["PHI"],
    "data_subjects": ["dpv:Patient"],
    "treatment": "anonymised",
    "treatment_tool": "de-identified by the publishers; sample numbers left out by scikit-learn",
}


def tell_facts(scene: Scene, candidate: Candidate) -> None:
    """The chapter."""
    scene.tell.chapter(
        "What is on record about data and model",
        "A training pipeline registers with its API key, as a job of any team would. The data is real: 569 cases, "
        "30 features, CC BY 4.0.",
    )
    _source(scene)
    _again(scene)
    _terms_and_flags(scene)
    _split(scene)
    _model(scene)
    register_version(scene, "v1", candidate, "The first candidate: a regression that says malignant from one half")


def _source(scene: Scene) -> None:
    tell, pipeline, table = scene.tell, scene.pipeline, scene.data.source
    tell.step("The pipeline registers the source data")
    scene.keep("source", _dataset(scene, "breast-cancer-wisconsin", "Breast Cancer Wisconsin (Diagnostic)"))
    body = version_body(scene.ids["source"], "uci-1995", table) | PROVENANCE
    answer = scene.keep("source version", pipeline.post("/api/v1/dataset-versions", body))
    tell.asked(f"POST /api/v1/dataset-versions with sha256 {table.digest[:16]}…, {table.rows} rows, origin and method")
    tell.answered(f"201, {answer.receipt}")
    tell.right("The digest is that of the very file; every write answers with its place in the tamper-evident log.")


def _again(scene: Scene) -> None:
    tell, pipeline, table = scene.tell, scene.pipeline, scene.data.source
    body = version_body(scene.ids["source"], "uci-1995", table) | PROVENANCE
    tell.step("The same again, then the same with another origin")
    same = pipeline.post("/api/v1/dataset-versions", body, expect=200)
    tell.must(same["id"] == scene.ids["source version"], "Registering again must find the same record.")
    other = pipeline.post("/api/v1/dataset-versions", body | {"origin": "A survey of ours"}, expect=409)
    tell.must("origin" in other["errors"], "The refusal must name the field that differs.")
    tell.asked("POST /api/v1/dataset-versions, twice")
    tell.answered(f"200, the record {same['id']} that was there")
    tell.answered(f"409 {other.problem}", refused=True)
    tell.right("A job may be run again without harm; what is on record is never changed by saying it differently.")


def _terms_and_flags(scene: Scene) -> None:
    tell, pipeline = scene.tell, scene.pipeline
    tell.step("Under which terms, and what sensitive data it holds")
    terms = pipeline.post("/api/v1/terms", {"dataset": scene.ids["source"], **TERMS})
    health = pipeline.post("/api/v1/flags", {"dataset_version": scene.ids["source version"], **HEALTH})
    unknown = {"dataset_version": scene.ids["source version"], "category": "pd:Identifying", "present": "unknown"}
    pipeline.post("/api/v1/flags", unknown)
    tell.asked("POST /api/v1/terms: CC-BY-4.0, for research; POST /api/v1/flags: health data, yes, anonymised; "
               "identifying data: unknown")  # fmt: skip
    tell.answered(f"201 terms number {terms['number']}; 201 flag {health['id']}, {health['assessment']}")
    tell.right("A machine may raise a flag. It cannot clear one: “unknown” stands until a data steward has looked.")


def _split(scene: Scene) -> None:
    tell, pipeline, data = scene.tell, scene.pipeline, scene.data
    tell.step("Split into training and test data, recorded as a run")
    now = datetime.now(UTC).isoformat()
    outputs = []
    for part, table in (("training", data.training), ("test", data.test)):
        scene.keep(part, _dataset(scene, f"breast-cancer-{part}", f"Breast cancer, {part} part"))
        body = version_body(scene.ids[part], f"split-{SEED}", table) | {"preprocessing": SPLIT}
        scene.keep(f"{part} version", pipeline.post("/api/v1/dataset-versions", body))
        pipeline.post("/api/v1/flags", {"dataset_version": scene.ids[f"{part} version"], **HEALTH})
        outputs.append({"dataset_version": scene.ids[f"{part} version"], "role": part})
    run = pipeline.post(
        "/api/v1/runs",
        {
            "job_name": "split",
            "run_key": f"{scene.namespace}-split",
            "state": "complete",
            "started_at": now,
            "ended_at": now,
            "inputs": [{"dataset_version": scene.ids["source version"], "role": "source"}],
            "outputs": outputs,
        },
    )
    tell.asked(f"POST /api/v1/runs: source in, {data.training.rows} training and {data.test.rows} test rows out")
    tell.answered(f"201, {run.receipt}")
    tell.right("Where derived data comes from is read from runs, back to the original source; nobody retells it.")


def _model(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The model: what it is for, and how much depends on it")
    owner = scene.pipeline.get("/api/v1/principals", name=scene.variables["OWNER_USER"])["results"][0]["id"]
    answer = scene.keep(
        "model",
        scene.pipeline.post(
            "/api/v1/models",
            {
                "name": MODEL,
                "title": "Second reader for fine needle aspirates",
                "description": "Points a pathologist to slides worth a second look, in a study.",
                "owner": owner,
                "intended_purpose": PURPOSE,
                "out_of_scope_uses": "Diagnosis without a pathologist. Images measured by another method.",
                "deployment_geography": ["US"],
                "risk_answers": {
                    "legal_or_similar_effect": False,
                    "safety_component": True,
                    "special_category_data": True,
                    "personal_data": False,
                    "no_human_review": False,
                },
            },
        ),
    )
    tell.must(answer["risk_tier"] == "high", "Health and safety must make the tier high.")
    tell.asked("POST /api/v1/models with its purpose and the answers to the risk questions")
    tell.answered(f"201, risk tier {answer['risk_tier']}")
    tell.right("A wrong answer can harm health, so the tier is high, and with it what the policy will ask.")


def register_version(
    scene: Scene, name: str, candidate: Candidate, title: str, trained_on: Sequence[str] = ("training",)
) -> None:
    """Register the training run of a candidate and the version that came out of it."""
    tell, pipeline = scene.tell, scene.pipeline
    tell.step(title)
    run = pipeline.post(
        "/api/v1/runs",
        {
            "job_name": "train",
            "run_key": f"{scene.namespace}-train-{name}",
            "state": "complete",
            "started_at": candidate.started.isoformat(),
            "ended_at": candidate.ended.isoformat(),
            "inputs": [
                *[{"dataset_version": scene.ids[f"{part} version"], "role": "training"} for part in trained_on],
                {"dataset_version": scene.ids["test version"], "role": "test"},
            ],
        },
    )
    answer = pipeline.post(
        "/api/v1/model-versions",
        {
            "model": scene.ids["model"],
            "digest": digest_of(candidate),
            "artifact_uri": candidate.path.as_uri(),
            "source_run": run["id"],
            "parameters": candidate.parameters,
            "features_used": scene.data.features,
            "model_card": _card(candidate),
        },
    )
    scene.keep(name, answer)
    tell.asked(f"POST /api/v1/model-versions: {candidate.name}, threshold {candidate.threshold}, sha256 "
               f"{candidate.digest[:16]}…, from run {run['id']}")  # fmt: skip
    tell.answered(f"201, version {answer['number']}, {answer.receipt}")
    tell.right("The digest is that of the file just written; model, digest and run together name a version for good.")


def _card(candidate: Candidate) -> dict[str, Any]:
    return {
        "approach": "supervised",
        "task": "binary classification",
        "architecture": candidate.name,
        "limitations": "Trained on one hospital's cases. Groups of patients cannot be told apart in the data.",
        "oversight": "A pathologist reads every slide; the model only orders them.",
    }


def _dataset(scene: Scene, name: str, title: str) -> Any:
    return scene.pipeline.post("/api/v1/datasets", {"name": name, "title": title})


def version_body(dataset: int, label: str, table: Table) -> dict[str, Any]:
    """A file as the body of a dataset version."""
    return {
        "dataset": dataset,
        "label": label,
        "digest": f"sha256:{table.digest}",
        "location": table.path.as_uri(),
        "format": "text/csv",
        "bytes": table.size,
        "rows": table.rows,
        "schema": [{"name": n, "type": "integer" if n in ("malignant", "benign") else "double"} for n in table.columns],
    }
