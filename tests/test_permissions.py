"""Each address has a row that says who may and who may not; one without a row fails here. The rows are then tried."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from approvals.actions.environments import set_observe_only
from approvals.actions.findings import close_finding, raise_finding
from approvals.actions.policies import write_policy_version
from approvals.actions.promotions import end_promotion, promote
from approvals.actions.sign_offs import declare_conflict
from approvals.actions.statements import find_requirement, statements
from approvals.models import Environment, Finding, PolicyVersion, PromotionEnd, Release, Vote
from governance.accounts.actions.grants import grant_role
from governance.accounts.models import ApiKey, CredentialEvent
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from lineage.actions import recall
from lineage.models import DatasetVersion, RiskTier
from tests.approvals.serving import scenes
from tests.approvals.world import World, signature, world
from tests.cast import KEYS, PASSWORD, Cast
from tests.permission_table import AFTER_DAYS, GET, POST, PREFIXES, WHY, Row

Api = Callable[[str], Any]


class Things:
    """Records in `retail` to point a row's address at, made when they are asked for."""

    def __init__(self, w: World, route: str) -> None:
        self.w = w
        self.route = route
        self.versions: dict[str, DatasetVersion] = w.versions
        self.person = w.cast.risk
        self._release: Release | None = None
        self._made: dict[str, int] = {}

    def id(self, collection: str) -> int:
        """The id of a record of that collection: one per row, whoever asks."""
        if collection not in self._made:
            self._made[collection] = self._make(collection)
        return self._made[collection]

    def principal(self, name: str) -> int:
        """The id of a member of the cast."""
        return int(getattr(self.w.cast, name).pk)

    def _make(self, collection: str) -> int:
        cast = self.w.cast
        simple: dict[str, Any] = {
            "namespaces": cast.retail,
            "api-keys": ApiKey.objects.filter(principal=cast.pipeline).first(),
            "environments": Environment.objects.first(),
            "datasets": self.w.datasets["source"],
            "dataset-versions": self.w.versions["source"],
            "terms": self.w.terms["source"],
            "runs": self.w.runs["raw"],
            "models": self.w.model,
            "model-versions": self.w.version,
        }
        if collection in simple:
            return int(simple[collection].pk)
        return int(getattr(self, "_" + collection.replace("-", "_"))().pk)

    def _principals(self) -> Any:
        """The engineer, whose password was reset where the row restores signing."""
        if self.route.endswith("restore-signing"):
            with recorded_action(actor=self.w.cast.engineer, **WHY):
                CredentialEvent.objects.create(principal=self.w.cast.engineer, kind="password_reset")
        return self.w.cast.engineer

    def _observe_only_changes(self) -> Any:
        until = timezone.now() + timezone.timedelta(days=3)
        return set_observe_only(actor=self.w.cast.policy, environment=self.w.production, until=until, **WHY)

    def _conflicts_of_interest(self) -> Any:
        return declare_conflict(actor=self.w.cast.risk2, model=self.w.model, text="My sister sells it", **WHY)

    def _role_grants(self) -> Any:
        return grant_role(
            actor=self.w.cast.admin,
            principal=self.w.cast.viewer,
            role=Role.VALIDATOR,
            namespace=self.w.cast.retail,
            **WHY,
        )

    def _flags(self) -> Any:
        return self.w.versions["source"].flags.first()

    def _plans(self) -> Any:
        return self.w.plan(title="The table's plan")

    def _evidence(self) -> Any:
        return self.w.evidence(self._plans())

    def _policies(self) -> PolicyVersion:
        """A version that `policy` wrote and nobody has published: what staging asks everywhere, for `retail`."""
        staging = Environment.objects.get(name="staging")
        above = PolicyVersion.objects.get(policy__environment=staging, policy__risk_tier="medium")
        asked = above.requirements.order_by("position").values("key", "kind", "title", "params", "binds")
        return write_policy_version(
            actor=self.w.cast.policy, environment=staging, risk_tier=RiskTier.MEDIUM, namespace=self.w.cast.retail,
            requirements=list(asked), **WHY,
        )  # fmt: skip

    def _policy_versions(self) -> PolicyVersion:
        return self._policies()

    def _places(self) -> Any:
        return self._policies().policy

    def _releases(self) -> Release:
        """An open release that awaits a risk manager, or one whose gate is open where the row promotes."""
        if self._release is None:
            promotes = "promot" in self.route
            asked = [] if promotes else [signature("risk", "risk_manager", count=2)]
            self.w.policy({"key": "artifact", "kind": "artifact"}, *asked)
            self._release = self.w.release()
        return self._release

    def _sign_offs(self) -> Any:
        return self.w.vote("risk", self.w.cast.risk2, release=self._releases())

    def _promotions(self) -> Any:
        """What is live; with one before it to go back to, or suspended, where the row asks for that."""
        made = promote(actor=self.w.cast.owner, release=self._releases(), **WHY)
        if self.route.endswith("rollback"):
            made = promote(actor=self.w.cast.owner, release=self.w.release(self.w.retrain(2)), **WHY)
        if self.route.endswith("reinstate"):
            end_promotion(actor=self.w.cast.risk2, promotion=made, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
        return made

    def _serving_notices(self) -> Any:
        """A notice of two days on what is live, by a finding; closed where the row clears."""
        cast = self.w.cast
        scenes.policy(self.w, {"finding_raised": scenes.TWO_DAYS})
        promotion = scenes.go_live(self.w)
        found = raise_finding(
            actor=cast.auditor, subject=self.w.model, kind=Finding.Kind.AUDIT, text="Found",
            severity=Finding.Severity.HIGH, blocks=True, **WHY,
        )  # fmt: skip
        if self.route.endswith("clear"):
            close_finding(actor=cast.risk2, finding=found, text="Mended", **WHY)
        return scenes.only_notice(promotion)

    def _recalls(self) -> Any:
        return recall(actor=self.w.cast.risk2, digest=f"sha256:{self.w.versions['raw'].digest_value}", **WHY)

    def _findings(self) -> Finding:
        cast = self.w.cast
        found = raise_finding(
            actor=cast.auditor, subject=self.w.model, kind=Finding.Kind.AUDIT, text="Found",
            severity=Finding.Severity.LOW, blocks=False, owner=cast.owner, **WHY,
        )  # fmt: skip
        if self.route.endswith("reopen"):
            close_finding(actor=cast.risk2, finding=found, text="Seen", **WHY)
        return found

    def artifact(self) -> str:
        """The digest of the model version."""
        return f"sha256:{self.w.version.digest_value}"

    def vote(self) -> dict[str, Any]:
        """What a risk manager sends to approve."""
        release = self._releases()
        requirement = find_requirement(release, "risk")
        shown = statements(person=self.person, release=release, requirement=requirement)
        digest = shown[Vote.APPROVE].digest
        return {"requirement": "risk", "vote": "approve", "statement_digest": digest, "password": PASSWORD}

    def measurement(self) -> dict[str, Any]:
        """An item of evidence as a pipeline reports it."""
        return {
            "plan": self._plans().pk, "model_version": self.w.version.pk,
            "subject_digest": f"sha256:{self.w.version.digest_value}", "run_started_at": timezone.now().isoformat(),
            "values": [{"metric": "accuracy", "value": "0.95"}],
        }  # fmt: skip


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


def routes() -> Iterator[tuple[str, frozenset[str]]]:
    """Every address of the product, without its regular expressions, with the methods it answers."""

    def walk(patterns: list[Any], before: str) -> Iterator[tuple[str, frozenset[str]]]:
        for one in patterns:
            here = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, here)
            elif isinstance(one, URLPattern):
                yield plain(here), methods(one.callback)

    yield from walk(get_resolver().url_patterns, "")


def plain(route: str) -> str:
    """`api/v1/^runs/(?P<id>[^/]+)/end$` as `api/v1/runs/<id>/end`."""
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route).replace("^", "").replace("$", "").removesuffix("/?")


def methods(view: Any) -> frozenset[str]:
    """GET, POST or both, as far as a view says; a plain function under require_POST answers POST."""
    if actions := getattr(view, "actions", None):
        return frozenset(name.upper() for name in actions) & {"GET", "POST"}
    if cls := getattr(view, "view_class", None) or getattr(view, "cls", None):
        return frozenset(name.upper() for name in ("get", "post") if hasattr(cls, name))
    return frozenset()


def test_every_address_has_a_row() -> None:
    missing = []
    for route, answered in routes():
        if route.startswith(tuple(PREFIXES)):
            continue
        tables = {"GET": GET, "POST": POST}
        if answered:
            missing += [f"{method} {route}" for method in sorted(answered) if route not in tables[method]]
        elif route not in GET and route not in POST:
            missing.append(route)
    assert not missing, f"Give these a row in tests/permission_table.py: {missing}"


def test_every_row_is_an_address() -> None:
    known = {route for route, _methods in routes()}
    assert not (GET.keys() | POST.keys()) - known
    assert all(any(route.startswith(prefix) for route in known) for prefix in PREFIXES)


def door(who: str, signed_in: Api, api: Api) -> Any:
    """The client of a member of the cast: a key for service accounts, a session for persons, nothing for nobody."""
    if who == "anonymous":
        return Client()
    return api(who) if who in KEYS else signed_in(who)


def sent(client: Any, method: str, route: str, row: Row, things: Things) -> Any:
    """Ask an address as a row says."""
    # The page of a policy is that of its place; the API's policies are its versions.
    collection = "places" if route == "policies/<id>" else route.removeprefix("api/v1/").split("/")[0]
    path = "/" + route.replace("<id>", str(things.id(collection)) if "<id>" in route else "")
    if method == "GET":
        return client.get(path, row.query(things))
    body = row.body(things)
    if not route.startswith("api/"):
        asked = row.query(things)
        return client.post(f"{path}?{urlencode(asked)}" if asked else path, body)
    json = {"format": "json"} if hasattr(client, "credentials") else {"content_type": "application/json"}
    return client.post(path, body, **json)


def cases(table: dict[str, Row]) -> list[Any]:
    """One case per row, named by its address."""
    return [pytest.param(route, row, id=route or "/") for route, row in table.items()]


@pytest.mark.parametrize(("route", "row"), cases(GET))
def test_who_may_read(route: str, row: Row, w: World, signed_in: Api, api: Api) -> None:
    things = Things(w, route)
    if route.endswith("statement"):
        things.id("releases")
    for who in row.may:
        answer = sent(door(who, signed_in, api), "GET", route, row, things)
        assert answer.status_code == 200, f"{who}: {answer.status_code} {answer.content[:300]!r}"
    for who, status in row.may_not.items():
        answer = sent(door(who, signed_in, api), "GET", route, row, things)
        assert answer.status_code == status, f"{who}: {answer.status_code} {answer.content[:300]!r}"


@pytest.mark.parametrize(("route", "row"), cases(POST))
def test_who_may_act(route: str, row: Row, w: World, signed_in: Api, api: Api) -> None:
    things = Things(w, route)
    for who, status in row.may_not.items():
        answer = sent(door(who, signed_in, api), "POST", route, row, things)
        assert answer.status_code == status, f"{who}: {answer.status_code} {answer.content[:400]!r}"
    if row.may is AFTER_DAYS:
        return
    who = row.may[0]
    answer = sent(door(who, signed_in, api), "POST", route, row, things)
    assert answer.status_code < 400, f"{who}: {answer.status_code} {answer.content[:400]!r}"


def test_the_admin_is_for_auditors_and_administrators(cast: Cast, signed_in: Api) -> None:
    lists = [route for route, _methods in routes() if re.fullmatch(r"admin/(governance|lineage|approvals)/\w+/", route)]
    assert lists
    auditor, risk = signed_in("auditor"), signed_in("risk")
    for route in ["admin/", *lists]:
        assert auditor.get("/" + route).status_code == 200, route
        assert risk.get("/" + route).status_code == 302, route
        assert Client().get("/" + route).status_code == 302, route
    for route in lists:
        assert signed_in("admin").get(f"/{route}add/").status_code in (403, 404), route


def test_unknown_and_others_records_answer_alike(w: World, signed_in: Api) -> None:
    things = Things(w, "")
    outsider = signed_in("outsider")
    for route in ("releases/<id>", "datasets/<id>", "models/<id>", "model-versions/<id>"):
        collection = route.split("/")[0]
        other = outsider.get("/" + route.replace("<id>", str(things.id(collection))))
        unknown = outsider.get("/" + route.replace("<id>", "987654321"))
        odd = outsider.get("/" + route.replace("<id>", "x%00"))
        assert {other.status_code, unknown.status_code, odd.status_code} == {404}
        assert _bare(other) == _bare(unknown) == _bare(odd)


def _bare(answer: Any) -> str:
    """The page without what differs by request: its reference and its form's secret."""
    text = answer.content.decode()
    text = re.sub(r"urn:uuid:[0-9a-f-]+", "", text)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)
