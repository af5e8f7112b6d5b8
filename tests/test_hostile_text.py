"""Script in everything that takes text, read back on every page and answer: nothing of it is ever markup (attack A80)."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.urls import NoReverseMatch, reverse

from approvals.actions.findings import raise_finding
from approvals.models import Finding, PlanKind, PolicyVersion, Vote
from governance.history.models import governed_models
from governance.unit_of_work import recorded_action
from lineage.actions import raise_flag, register_dataset_version, update_dataset, update_model
from lineage.models import ModelVersion
from tests.approvals.world import World, sha, signature, train, world
from tests.cast import Cast
from tests.permission_table import GET
from tests.permission_table.things import Things
from tests.test_permissions import door

Api = Callable[[str], Any]
CANARY = "<script>canary(1)</script>\"'><img src=x onerror=canary(2)>"
LINK = "javascript:canary(3)"
COLUMN = "<b>income</b>"
WHY = {"reason": f"Why {CANARY}"}
#: Schemes a link may have: none (an address of ours), or one that runs nothing.
HARMLESS = ("http:", "https:", "mailto:")


class Reader(HTMLParser):
    """Reads a page as a browser would, and keeps what would run."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and "src" not in given:
            self.faults.append("a script within the page")
        if tag == "img" and given.get("src") == "x":
            self.faults.append("the canary's image")
        for name, value in attrs:
            if name.startswith("on"):
                self.faults.append(f"{tag} {name}")
            scheme = (value or "").strip().lower().partition(":")
            links = name in ("href", "src", "action", "formaction", "data", "poster")
            runs = scheme[1] and "/" not in scheme[0] and f"{scheme[0]}:" not in HARMLESS
            if links and runs and (tag, scheme[0]) != ("img", "data"):
                self.faults.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += data


class Hostile(Things):
    """Records whose texts are script."""

    _policy: PolicyVersion | None = None

    def _findings(self) -> Finding:
        return raise_finding(
            actor=self.w.cast.auditor, subject=self.w.model, kind=Finding.Kind.AUDIT, text=CANARY,
            severity=Finding.Severity.LOW, blocks=False, owner=self.w.cast.owner, **WHY,
        )  # fmt: skip

    def _policies(self) -> PolicyVersion:
        """One for all three addresses that show it."""
        if self._policy is None:
            self._policy = super()._policies()
        return self._policy

    def _releases(self) -> Any:
        if self._release is None:
            self.w.policy({**signature("risk", "risk_manager"), "title": CANARY})
            self._release = self.w.release()
            self.w.vote("risk", self.w.cast.risk2, release=self._release, vote=Vote.APPROVE, meaning=CANARY)
        return self._release


@pytest.fixture
def w(cast: Cast) -> World:
    """A world in which whoever may write something wrote script."""
    made = world(cast)
    source = made.datasets["source"]
    update_dataset(actor=cast.steward, dataset=source, changes={"title": CANARY, "description": CANARY}, **WHY)
    update_model(
        actor=cast.owner, model=made.model, changes={"title": CANARY, "description": CANARY, "out_of_scope_uses": CANARY},
        **WHY,
    )  # fmt: skip
    texts = ("source", "origin", "generation_method", "known_bias", "annotation_protocol", "imputation")
    made.versions["source"] = register_dataset_version(
        actor=cast.pipeline, dataset=source, label="<i>label</i>", digest=f"sha256:{sha('hostile')}", location=LINK,
        schema=[{"name": COLUMN, "type": CANARY, "description": CANARY}],
        **dict.fromkeys(texts, CANARY), **WHY,
    ).record  # fmt: skip
    raise_flag(
        actor=cast.pipeline, dataset_version=made.versions["source"], column=COLUMN, category="pd:Income", present="yes",
        treatment_tool=CANARY, treatment_parameters={CANARY: CANARY}, **WHY,
    )  # fmt: skip
    made.version = train(
        cast, made.model, made.versions["features"], "hostile", artifact_uri=LINK, supplier=CANARY,
        parameters={CANARY: CANARY}, metrics={CANARY: 1.0}, features_used=[COLUMN], model_card={"limitations": CANARY},
    )  # fmt: skip
    plan = made.plan(PlanKind.PERFORMANCE, title=CANARY, description=CANARY, checklist=[CANARY])
    made.evidence(
        plan, tool=CANARY, independence=CANARY,
        attachments=[{"uri": LINK, "digest": f"sha256:{sha('a')}", "type": "report"}],
    )  # fmt: skip
    with recorded_action(actor=cast.admin, **WHY):
        type(cast.owner).objects.filter(pk=cast.owner.pk).update(display_name=CANARY)
    return made


def read(answer: Any, where: str) -> Reader:
    """A page read as a browser would; the test fails when anything of it would run."""
    page = Reader()
    text = answer.content.decode()
    page.feed(text)
    assert not page.faults, f"{where}: {page.faults}"
    assert "<script>canary" not in text, where
    assert "<img src=x" not in text, where
    return page


def test_a80_no_text_becomes_markup_on_any_page(w: World, signed_in: Api) -> None:
    shown = 0
    pages = [route for route in GET if not route.startswith("api/")]
    assert len(pages) > 20
    things = Hostile(w, "")
    for name in ("trials", "findings", "releases", "flags"):  # a trial first: later policies ask its versions for more
        things.id(name)
    for route in pages:
        row = GET[route]
        within = {"policies/<id>": "places", "policies/<id>/as-it-was": "places", "audit/samples/<id>": "samples"}
        collection = within.get(route, route.split("/")[0])
        path = "/" + route.replace("<id>", str(things.id(collection)) if "<id>" in route else "")
        answer = door(row.may[0], signed_in, signed_in).get(path, row.query(things))
        if "html" not in answer.headers.get("Content-Type", ""):
            continue
        assert answer.status_code == 200, path
        shown += CANARY in read(answer, path).text
    assert shown >= 8  # read back as the text it is, on the pages of what was written


def test_a80_no_text_becomes_markup_in_the_admin(w: World, signed_in: Api) -> None:
    Hostile(w, "").id("findings")
    auditor, shown = signed_in("auditor"), 0
    for model in governed_models():
        newest = model._default_manager.order_by("-id").first()
        place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        own = [] if newest is None else [(f"{place}_change", [newest.pk]), (f"{place}_history", [newest.pk])]
        for name, arguments in ((f"{place}_changelist", []), *own):
            try:
                address = reverse(name, args=arguments)
            except NoReverseMatch:
                continue
            answer = auditor.get(address)
            assert answer.status_code == 200, address
            shown += "canary(1)" in read(answer, address).text
    assert shown >= 10


def test_a80_the_api_answers_with_the_very_text_as_data_that_no_browser_runs(w: World, api: Api) -> None:
    answer = api("pipeline").get(f"/api/v1/datasets/{w.datasets['source'].pk}")
    assert answer.json()["title"] == CANARY
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    version = api("pipeline").get(f"/api/v1/model-versions/{ModelVersion.objects.order_by('-id')[0].pk}")
    assert version.json()["artifact_uri"] == LINK


@pytest.mark.parametrize(
    "where", [f"/releases/{CANARY}", f"/nothing/{CANARY}", f"/datasets?cursor={CANARY}&x={CANARY}"]
)
def test_a80_an_address_is_not_echoed_as_markup(w: World, signed_in: Api, where: str) -> None:
    read(signed_in("viewer").get(where, headers={"Accept": "text/html"}), where)


def test_a80_a_refused_body_is_told_as_data(w: World, api: Api) -> None:
    answer = api("pipeline").post("/api/v1/datasets", json.dumps({CANARY: CANARY}), content_type="application/json")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert CANARY in answer.json()["errors"]


def test_a83_no_page_may_be_framed(signed_in: Api, w: World) -> None:
    for path in ("/", "/accounts/login/", f"/models/{w.model.pk}", "/admin/", "/api/docs"):
        headers = signed_in("auditor").get(path).headers
        assert headers["X-Frame-Options"] == "DENY", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
