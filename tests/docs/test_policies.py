"""docs/policies.md: its example is published, its table is the database's."""

import json
import re
from typing import Any

from approvals.documents import document_of, place_of, to_yaml
from approvals.models import PolicyVersion
from tests.approvals.world import World, database, publish, world
from tests.cast import Cast
from tests.docs.documents import ROOT

TEXT = (ROOT / "docs/policies.md").read_text()
WORDS = {
    "true": "yes",
    "more": "the greater number",
    "less": "the smaller number; none asks least",
    "superset": "more names",
    "subset": "fewer names",
    "bounds": "bounds that leave less of each metric, slice and dataset role",
    "same": "neither: it must be the same",
}


def test_the_example_is_written_and_published_as_it_stands(cast: Cast, signed_in: Any) -> None:
    w: World = world(cast)
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.S)
    assert example
    answer = signed_in("policy").post("/api/v1/policies", example[1], content_type="application/yaml")
    assert answer.status_code == 201, answer.json()
    version = PolicyVersion.objects.get(pk=answer.json()["id"])
    assert to_yaml(document_of(version), place_of(version)) == example[1]
    publish(cast, version)
    assert set(w.ask()) == {"artifact", "terms", "evidence-performance", "risk"}


def test_the_table_of_what_asks_more_is_the_databases(cast: Cast) -> None:
    rows = database("SELECT jsonb_agg(jsonb_build_array(kind, name, tighter)) FROM muniment.policy_parameters()")
    rows = json.loads(rows) if isinstance(rows, str) else rows
    wanted = [f"| `{kind}` | `{name}` | {WORDS[tighter]} |" for kind, name, tighter in rows]
    table = TEXT.split("| kind | parameter | asks more |\n|---|---|---|\n")[1].split("\n\n")[0]
    assert table.splitlines() == wanted
