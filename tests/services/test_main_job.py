"""The main job on PostgreSQL, Redis and RabbitMQ in production settings: refused, validated, signed, live, verified."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.cast import KEYS, PASSWORD, email
from tests.governance.outbox.conftest import wait_until
from tests.services.conftest import Site
from tests.waiting import PATIENCE

pytestmark = pytest.mark.services


def test_the_server_is_at_least_15_and_the_guards_equal_their_files(prepared: Site) -> None:
    assert int(prepared.ask("SHOW server_version_num")) >= 150000
    assert "equal their files" in prepared.manage("install_guards", "--check", login="owner")


class Caller:
    """Somebody who calls the site: a service account with its key, or a person with a session."""

    def __init__(self, site: Site, name: str) -> None:
        self.url = site.url
        self.session = requests.Session()
        if name in KEYS:
            self.session.headers["Authorization"] = f"Bearer {KEYS[name]}"
            return
        form = self.session.get(f"{self.url}/accounts/login/", timeout=PATIENCE)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        assert token is not None, form.text[:500]
        fields = {"login": email(name), "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        done = self.session.post(f"{self.url}/accounts/login/", data=fields, allow_redirects=False, timeout=PATIENCE)
        assert done.status_code == 302, done.text[:500]
        csrf = next(value for name, value in self.session.cookies.items() if "csrf" in name)
        self.session.headers.update({"X-CSRFToken": csrf, "Referer": self.url})

    def get(self, path: str, **query: Any) -> Any:
        answer = self.session.get(f"{self.url}/api/v1/{path}", params=query, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any], status: int = 201) -> Any:
        answer = self.session.post(f"{self.url}/api/v1/{path}", json=body, timeout=PATIENCE)
        assert answer.status_code == status, answer.text
        return answer.json()


# On Redis too in `make soak`; the storms beside this run on both.
@pytest.mark.parametrize("broker", ["rabbit_url", pytest.param("redis_url", marks=pytest.mark.soak)])
def test_from_registration_to_live_and_verified(prepared: Site, broker: str, request: pytest.FixtureRequest) -> None:
    site = prepared
    site.start(request.getfixturevalue(broker))
    try:
        number = _release_a_version(site, broker)
        # What must follow has followed: mails to who may sign and who is told that it is live, a seal, nothing left over.
        open_ones = "SELECT count(*) FROM governance_outboxmessage WHERE delivered_at IS NULL"
        wait_until(lambda: site.ask(open_ones) == 0, site.logs)
        told = "SELECT count(*) FROM governance_notice WHERE kind = 'version-live' AND params ->> 'version' = '%d'"
        assert site.ask(told % number) >= 1, "Rita signed it, and is told"
        assert list((site.home / "mail").glob("*.eml"))
        unsealed = (
            "SELECT (SELECT max(id) FROM governance_ledgerentry)"
            " - (SELECT entry_id FROM governance_ledgerposition ORDER BY position DESC LIMIT 1)"
        )
        site.manage("seal_ledger", login="sealer")
        wait_until(lambda: site.ask(unsealed) == 0, site.logs)
        ready = requests.get(f"{site.url}/readyz", timeout=PATIENCE).json()
        assert ready == {"ready": True, "checks": dict.fromkeys(ready["checks"], "ok")}
        metrics = requests.get(f"{site.url}/metrics", timeout=PATIENCE).text
        assert 'muniment_http_requests_total{route="/api/v1/promotions",class="2xx"}' in metrics
    finally:
        site.stop()
    assert "Intact." in site.manage("verify_ledger")
    log = (site.home / "web.log").read_text()
    assert '"route": "/api/v1/promotions"' in log, "a production start logs JSON"
    assert not any(secret in log for secret in (*KEYS.values(), PASSWORD))


def _release_a_version(site: Site, mark: str) -> int:
    """From nothing to live; the version's number."""
    pipeline, tester, rita = (Caller(site, name) for name in ("pipeline", "tester", "risk"))
    former = pipeline.get("model-versions", limit=1)["results"][0]
    artifact = "sha256:" + mark.encode().hex().ljust(64, "0")[:64]
    run = pipeline.post("runs", {
        "job_name": "train", "run_key": f"train-{mark}", "state": "running",
        "inputs": [{"dataset_version": _training_data(pipeline, former), "role": "training"}],
    })  # fmt: skip
    version = pipeline.post(
        "model-versions", {"model": {"name": "scoring"}, "digest": artifact, "source_run": run["id"]}
    )
    pipeline.post(f"runs/{run['id']}/end", {"state": "complete"}, status=200)
    release = pipeline.post("releases", {"model_version": version["id"], "environment": "production"})["id"]
    refused = pipeline.post("promotions", {"release": release}, status=409)
    assert refused["type"] == "urn:muniment:problem:gate-closed"
    missing = {row["key"] for row in refused["requirements"] if row["status"] == "UNSATISFIED"}
    assert missing == {"performance", "risk"}
    plan = tester.post("plans", {
        "model": version["model"], "kind": "performance", "title": f"Accuracy {mark}",
        "criteria": [{"metric": "accuracy", "comparator": "ge", "threshold": "0.9"}],
    })["id"]  # fmt: skip
    verdict = tester.post("evidence", {
        "plan": plan, "model_version": version["id"], "subject_digest": artifact,
        "run_started_at": datetime.now(UTC).isoformat(), "values": [{"metric": "accuracy", "value": "0.95"}],
    })["verdict"]  # fmt: skip
    assert verdict == "good"
    shown = rita.get(f"releases/{release}/statement", requirement="risk", vote="approve")
    rita.post(f"releases/{release}/sign-offs", {
        "requirement": "risk", "vote": "approve", "statement_digest": shown["statement_digest"],
        "password": PASSWORD, "comment": "",
    })  # fmt: skip
    pipeline.post("promotions", {"release": release})
    live = pipeline.get("live", model="scoring", environment="production")
    assert str(version["number"]) in str(live)
    misspelt = pipeline.get("search", q="scorring", kind="lineage_model")["results"]
    assert [(hit["title"], hit["almost"]) for hit in misspelt] == [("scoring", True)]
    far_off = pipeline.get("search", q="scoringgeee", kind="lineage_model")["results"]
    assert [hit["title"] for hit in far_off] == ["scoring"], "PostgreSQL's contrib is there"
    return int(version["number"])


def _training_data(pipeline: Caller, version: dict[str, Any]) -> int:
    """The data that the version before was trained on."""
    inputs = pipeline.get(f"runs/{version['source_run']}")["inputs"]
    return int(next(one["dataset_version"] for one in inputs if one["role"] == "training"))
