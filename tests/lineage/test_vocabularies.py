"""Published vocabularies and the house's own terms: what nobody knows is refused, here and in the database."""

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from packaging.licenses._spdx import LICENSES, VERSION

from governance import errors
from governance.unit_of_work import recorded_action
from lineage import actions, vocabularies
from lineage.models import (
    CollectionTerms,
    ConsentStatus,
    LegalBasis,
    RegulationSet,
    SpecialCondition,
    VocabularyTerm,
)
from lineage.templatetags.vocabulary import purpose_in_words
from lineage.vocabularies import standard
from tests.approvals.world import database
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

SQL = Path(standard.__file__).parents[1] / "sql" / "05_vocabularies.sql"


def add(cast: Cast, actor: Any = None, **content: Any) -> VocabularyTerm:
    """`bank:MortgageScoring`, a case of credit checking, unless said otherwise."""
    told = {
        "scheme": "purpose", "term": "bank:MortgageScoring", "label": "Mortgage scoring",
        "definition": "Scores of applicants for a mortgage", "broader": ["dpv:CreditChecking"], **content,
    }  # fmt: skip
    return actions.add_vocabulary_term(actor=actor or cast.policy, reason=WHY, **told).record


def test_the_database_checks_by_the_published_files() -> None:
    assert SQL.read_text(encoding="utf-8") == standard.sql(), (
        "manage.py vocabulary_sql > lineage/sql/05_vocabularies.sql"
    )


def test_the_files_are_whole_and_hang_together() -> None:
    sizes = {name: len(standard.terms_of(name)) for name in standard.SCHEMES}
    assert sizes == {
        "purpose": 95, "personal-data": 231, "data-subject": 26, "processing": 53, "consent-status": 10,
        "legal-basis": 6, "special-condition": 10, "odrl-action": 51, "licence": 699, "dta-confidentiality": 6,
    }  # fmt: skip
    for name in standard.SCHEMES:
        known = standard.terms_of(name)
        for one in known.values():
            assert one.label
            assert set(one.broader) <= set(known), one.term
            assert one.term not in vocabularies.above(one.term, name)[1:], one.term
    assert {one.lower() for one in standard.terms_of("licence")} == set(LICENSES)
    assert standard.SCHEMES["licence"].version.endswith(VERSION)


@pytest.mark.parametrize(
    ("scheme", "choices"),
    [
        ("consent-status", ConsentStatus), ("legal-basis", LegalBasis), ("special-condition", SpecialCondition),
        ("dta-confidentiality", RegulationSet),
    ],
)  # fmt: skip
def test_enumerations_of_the_record_are_the_published_ones(scheme: str, choices: Any) -> None:
    assert set(choices.values) == set(standard.terms_of(scheme))


def test_python_and_database_climb_alike(db: None) -> None:
    for scheme in standard.EXTENSIBLE:
        for term in standard.terms_of(scheme):
            found = database("SELECT muniment.terms_above(%s, %s)", scheme, term)
            assert sorted(found) == sorted(vocabularies.above(term, scheme)), term
    special = standard.special_categories()
    for term in standard.terms_of("personal-data"):
        assert database("SELECT muniment.special_category(%s)", term) is (term in special)


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("dpv:Marketting", "dpv:Marketing"), ("dpv:CreditCheck", "dpv:CreditChecking"), ("fraud", "dpv:FraudPreventionAndDetection"),
     ("dpv:Direct Marketing", "dpv:DirectMarketing")],
)  # fmt: skip
def test_an_unknown_purpose_is_refused_with_the_nearest_ones(facts: Facts, given: str, nearest: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.terms(facts.dataset(), permitted_purposes=[given])
    assert nearest in str(caught.value.errors["permitted_purposes"][0])
    with pytest.raises(errors.Invalid) as caught:
        facts.model(intended_purpose=given)
    assert nearest in str(caught.value.errors["intended_purpose"][0])


def test_the_root_of_all_purposes_is_no_purpose(facts: Facts) -> None:
    with pytest.raises(errors.Invalid):
        facts.terms(facts.dataset(), permitted_purposes=["dpv:Purpose"])


def test_a_misspelt_licence_is_refused_with_the_nearest(facts: Facts) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.terms(facts.dataset(), licence="CC-BY-4")
    assert "CC-BY-4.0" in str(caught.value.errors["licence"][0])


def test_full_iris_are_read_with_and_without_a_version() -> None:
    for iri in ("https://w3id.org/dpv#Marketing", "https://w3id.org/dpv/2.0#Marketing", "dpv:Marketing"):
        assert vocabularies.token(iri, field="f", scheme="purpose") == "dpv:Marketing"
    assert vocabularies.token("https://w3id.org/dpv/2.0/pd#Age", field="f", scheme="personal-data") == "pd:Age"


def test_a_house_adds_a_term_and_may_then_write_it(facts: Facts, cast: Cast) -> None:
    with pytest.raises(errors.Invalid):
        facts.terms(facts.dataset(), permitted_purposes=["bank:MortgageScoring"])
    added = add(cast)
    assert add(cast) == added, "the same again is the same"
    assert facts.terms(facts.dataset(), permitted_purposes=["bank:MortgageScoring"]).number == 1
    assert vocabularies.above("bank:MortgageScoring", "purpose")[-1] == "dpv:CustomerManagement"
    with pytest.raises(errors.AlreadyDifferent):
        add(cast, definition="Something else")


def test_a_retired_term_is_taken_no_more_and_what_bears_it_keeps_it(facts: Facts, cast: Cast) -> None:
    added = add(cast)
    kept = facts.model(intended_purpose=added.term)
    actions.retire_vocabulary_term(actor=cast.policy2, reason="Superseded", term=added)
    with pytest.raises(errors.Invalid):
        facts.model("another", intended_purpose=added.term)
    owner = cast.owner
    changed = actions.update_model(actor=owner, reason=WHY, model=kept, changes={"title": "Mortgages"})
    assert changed.intended_purpose == added.term
    assert vocabularies.search("purpose", "mortgage") == []
    actions.retire_vocabulary_term(actor=cast.policy, reason="Needed again", term=added, retired=False)
    assert facts.model("another", intended_purpose=added.term).intended_purpose == added.term


def test_what_lies_below_a_special_category_is_special(facts: Facts, cast: Cast) -> None:
    own = add(cast, scheme="personal-data", term="bank:SickNote", label="Sick note", broader=["pd:MedicalHealth"])
    assert own.special
    flag = actions.raise_flag(
        actor=cast.pipeline, reason=WHY, dataset_version=facts.version(), category=own.term, present="yes"
    ).record
    assert flag.special_category


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("scheme", {"scheme": "licence"}),
        ("term", {"term": "dpv:MortgageScoring"}),
        ("term", {"term": "mortgage"}),
        ("broader", {"broader": ["dpv:Nonsense"]}),
        ("broader", {"broader": ["pd:Income"]}),
        ("label", {"label": " "}),
        ("definition", {"definition": ""}),
        ("special", {"special": True}),
    ],
)
def test_a_term_that_means_nothing_is_refused_by_field(cast: Cast, field: str, content: dict[str, Any]) -> None:
    with pytest.raises(errors.Invalid) as caught:
        add(cast, **content)
    assert list(caught.value.errors) == [field]
    assert not VocabularyTerm.objects.exists()


@pytest.mark.parametrize("name", ["admin", "compliance", "steward", "pipeline", "owner", "auditor"])
def test_only_who_answers_for_the_rules_everywhere_adds_terms(cast: Cast, name: str) -> None:
    with pytest.raises(errors.Forbidden):
        add(cast, actor=getattr(cast, name))


# --- Raw SQL under the app's login -----------------------------------------------------------------------------------

TERM = (
    "INSERT INTO lineage_vocabularyterm (scheme, term, label, definition, broader, special, retired)"
    " VALUES (%s, %s, 'L', 'D', %s, false, false)"
)


@pytest.mark.parametrize(
    ("who", "values", "code"),
    [
        ("policy", ("purpose", "dpv:Mine", []), "vocabulary-prefix"),
        ("policy", ("purpose", "bank:Mine", ["dpv:Nonsense"]), "vocabulary-broader"),
        ("policy", ("purpose", "bank:Mine", ["bank:Mine"]), "vocabulary-broader"),
        ("policy", ("licence", "bank:Mine", []), "vocabulary_scheme_known"),
        ("policy", ("purpose", "no token", []), "vocabulary_term_well_formed"),
        ("admin", ("purpose", "bank:Mine", []), "vocabulary-by-policy-owner"),
        ("pipeline", ("purpose", "bank:Mine", []), "vocabulary-by-policy-owner"),
    ],
)
def test_raw_sql_adds_no_term_that_could_not_be(
    cast: Cast, attack: Callable[[Any], Any], who: str, values: tuple[Any, ...], code: str
) -> None:
    with pytest.raises(errors.Refused) as caught, attack(getattr(cast, who)) as sql:
        sql(TERM, *values)
    assert caught.value.params["code"] == code


def test_raw_sql_moves_no_term_elsewhere(cast: Cast, attack: Callable[[Any], Any]) -> None:
    added = add(cast)
    for assignment in ("broader = '{dpv:Marketing}'", "term = 'bank:Other'", "label = 'Other'"):
        with pytest.raises(Exception, match="permission denied"), attack(cast.policy) as sql:
            sql(f"UPDATE lineage_vocabularyterm SET {assignment} WHERE id = %s", added.pk)
    with pytest.raises(errors.SeparationOfDuties), attack(cast.pipeline) as sql:
        sql("UPDATE lineage_vocabularyterm SET retired = true WHERE id = %s", added.pk)


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("UPDATE lineage_model SET intended_purpose = 'dpv:Nonsense' WHERE id = %s", "intended_purpose"),
        ("UPDATE lineage_model SET intended_purpose = 'bank:Unheard' WHERE id = %s", "intended_purpose"),
    ],
)
def test_raw_sql_writes_no_unknown_purpose_into_a_model(
    facts: Facts, cast: Cast, attack: Callable[[Any], Any], statement: str, columns: str
) -> None:
    model = facts.model()
    with pytest.raises(errors.Invalid) as caught, attack(cast.owner) as sql:
        sql(statement, model.pk)
    assert caught.value.params["code"] == "unknown-term"


FLAG = (
    'INSERT INTO lineage_sensitivityflag (dataset_version_id, "column", category, regulation_sets, present,'
    " special_category, collected_as, data_subjects, treatment, treatment_tool, treatment_parameters,"
    " excluded_from_training, assessment) VALUES (%s, '', %s, '{}', 'yes', false, 'collected', %s, 'none', '', '{}',"
    " false, 'declared') RETURNING special_category"
)


def test_raw_sql_hides_no_special_category_and_invents_none(
    facts: Facts, cast: Cast, attack: Callable[[Any], Any]
) -> None:
    version, other = facts.version(), facts.version(label="v2")
    with attack(cast.pipeline) as sql:
        assert sql(FLAG, version.pk, "pd:MentalHealth", []) == [(True,)]
        assert sql(FLAG, version.pk, "pd:Income", ["dpv:Customer"]) == [(False,)]
    for category, subjects in (("pd:Nonsense", []), ("pd:Income", ["dpv:Martian"])):
        with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
            sql(FLAG, other.pk, category, subjects)
        assert caught.value.params["code"] == "unknown-term"


@pytest.mark.parametrize("field", ["permitted_purposes", "forbidden_purposes", "original_purpose"])
def test_no_door_writes_terms_with_an_unknown_purpose(facts: Facts, cast: Cast, field: str) -> None:
    value: Any = "bank:Unheard" if field == "original_purpose" else ["bank:Unheard"]
    first = facts.terms(facts.dataset())
    with pytest.raises(errors.Invalid) as caught, recorded_action(actor=cast.steward, reason=WHY):
        CollectionTerms.objects.create(
            dataset=first.dataset, licence="MIT", effective_from=first.effective_from, **{field: value}
        )
    assert caught.value.params["code"] == "unknown-term"


# --- What is narrower ------------------------------------------------------------------------------------------------


def problems(terms: CollectionTerms, purpose: str) -> list[str]:
    """Reasons of the database's own check of terms against a purpose."""
    found = database(
        "SELECT muniment.terms_problems(t, 'loans', %s, '{}', clock_timestamp()) FROM lineage_collectionterms t"
        " WHERE t.id = %s",
        purpose,
        terms.pk,
    )
    return [one["reason"] for one in (json.loads(found) if isinstance(found, str) else found)]


def test_what_is_permitted_covers_the_narrower_only_where_the_terms_say_so(facts: Facts, cast: Cast) -> None:
    loans = facts.dataset()
    named = facts.terms(loans, permitted_purposes=["dpv:ResearchAndDevelopment"])
    assert problems(named, "dpv:ResearchAndDevelopment") == []
    assert problems(named, "dpv:AcademicResearch") == ["purpose-not-permitted"]
    covering = facts.terms(
        loans, actor=cast.steward, permitted_purposes=["dpv:ResearchAndDevelopment"], permits_narrower=True
    )
    assert not covering.narrows
    assert problems(covering, "dpv:AcademicResearch") == []
    assert problems(covering, "dpv:Marketing") == ["purpose-not-permitted"]
    again = facts.terms(loans, actor=cast.steward, permitted_purposes=["dpv:ResearchAndDevelopment"])
    assert again.narrows, "votes given while the narrower ones were permitted are void"


def test_what_is_forbidden_is_forbidden_with_everything_narrower(facts: Facts) -> None:
    terms = facts.terms(
        facts.dataset(), permits_narrower=True, permitted_purposes=["dpv:ResearchAndDevelopment"],
        forbidden_purposes=["dpv:CommercialPurpose"],
    )  # fmt: skip
    # Research, and commercial: of its two broader purposes the forbidden one stands above the permitted one.
    assert problems(terms, "dpv:CommercialResearch") == ["purpose-forbidden"]
    assert problems(terms, "dpv:NonCommercialResearch") == []


def test_terms_that_forbid_what_they_permit_are_refused(facts: Facts, cast: Cast) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.terms(facts.dataset(), permitted_purposes=["dpv:DirectMarketing"], forbidden_purposes=["dpv:Marketing"])
    assert "dpv:Marketing" in str(caught.value.errors["forbidden_purposes"][0])


# --- Over HTTP -------------------------------------------------------------------------------------------------------


def test_the_vocabularies_are_searched_by_words(api: Callable[[str], Any], cast: Cast) -> None:
    add(cast)
    answer = api("pipeline").get("/api/v1/vocabularies", {"scheme": "purpose", "q": "credit checking"}).json()
    assert [one["term"] for one in answer["results"]] == ["dpv:CreditChecking", "dpv:MaintainCreditCheckingDatabase"]
    assert answer["results"][0]["iri"] == "https://w3id.org/dpv#CreditChecking"
    assert [one["version"] for one in answer["schemes"]] == ["DPV 2.0"]
    everywhere = api("pipeline").get("/api/v1/vocabularies", {"q": "mortgage"}).json()
    assert everywhere["results"][0]["term"] == "bank:MortgageScoring"
    assert len(everywhere["schemes"]) == len(standard.SCHEMES)


@pytest.mark.parametrize(
    ("query", "field"),
    [({"scheme": "colours"}, "scheme"), ({"limit": "0"}, "limit"), ({"limit": "many"}, "limit"), ({"for": "x"}, "for"),
     ({"q": "a" * 101}, "q"), ({"q": "a\x00b"}, "q")],
)  # fmt: skip
def test_a_search_that_cannot_be_right_is_refused_by_field(
    api: Callable[[str], Any], query: dict[str, str], field: str
) -> None:
    answer = api("pipeline").get("/api/v1/vocabularies", query)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scheme": "licence"}, "scheme"),
        ({"term": ""}, "term"),
        ({"term": "dpv:Mine"}, "term"),
        ({"label": 1}, "label"),
        ({"definition": "x" * 2001}, "definition"),
        ({"broader": "dpv:Marketing"}, "broader"),
        ({"broader": ["dpv:Nonsense"]}, "broader"),
        ({"special": "no"}, "special"),
        ({"retired": True}, "retired"),
    ],
    ids=str,
)
def test_a_body_that_cannot_be_right_is_refused_by_field(
    signed_in: Callable[[str], Any], change: dict[str, Any], field: str
) -> None:
    body = {"scheme": "purpose", "term": "bank:Mine", "label": "Mine", "definition": "Of mine", **change}
    answer = signed_in("policy").post("/api/v1/vocabulary-terms", json.dumps(body), content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert [name.split("[")[0] for name in answer.json()["errors"]] == [field]
    assert not VocabularyTerm.objects.exists()


def test_places_are_countries_that_there_are_or_blocs() -> None:
    listed = (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    published = dict(line.split("\t") for line in listed.splitlines() if not line.startswith("#"))
    assert vocabularies.countries() == published | {"XK": "Kosovo"}
    assert vocabularies.geographies(["de", "EU", "EEA", "US-CA", "XK", "de"], field="f") == [
        "DE", "EEA", "EU", "US-CA", "XK"]  # fmt: skip
    for wrong, meant in (("UK", "GB"), ("QX", None), ("QX-AB", None), ("EU-1", None), ("Germany", "DE"), ("usa", "US")):
        with pytest.raises(errors.Invalid) as refusal:
            vocabularies.geographies([wrong], field="f")
        sentence = refusal.value.errors["f"][0]
        assert "ISO 3166" in sentence
        assert (f"Did you mean {meant}?" in sentence) is (meant is not None), sentence


def test_a_purpose_is_shown_by_its_label_and_itself(cast: Cast) -> None:
    """The house's own too, whether or not it is still in use; what nobody knows, as it was written."""
    own = add(cast, scheme="purpose")
    assert purpose_in_words("dpv:ScientificResearch") == "Scientific Research (dpv:ScientificResearch)"
    assert purpose_in_words(own.term) == f"{own.label} ({own.term})"
    assert purpose_in_words("nobody:Knows") == "nobody:Knows"
    assert purpose_in_words("") == ""
