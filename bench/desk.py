"""Every page and list at scale, search, and exports: 100,000 model versions, a million rows of history behind them.

Each address that answers GET is asked as an auditor of everything asks it, in this process: what the server takes,
without the network. Targets: 15 queries and 100 ms, search 50 ms, exports 20,000 rows a second in flat memory.
"""

import os
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from bench.databases import connect, fresh, manage
from bench.figures import Figure, Scale, table
from bench.people import WHY, email, person

QUERIES, MILLISECONDS, SEARCH_MILLISECONDS, ROWS_A_SECOND = 15, 100, 50, 20_000
TIMES = 5
HISTORY_A_VERSION = 10

#: What an address asks for besides its path; those that only act, sign in or download are not here to be measured.
ASKED: dict[str, dict[str, Any]] = {
    "search": {"q": "fraud alerts north"},
    "api/v1/search": {"q": "scoring"},
    "api/v1/history": {"table": "lineage_run"},
    "audit": {"reason": "retraining drift"},
}
#: More ways to ask the same address: those that are hard on a large record.
AGAIN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search", {"q": "train"}),
    ("api/v1/search", {"q": "seed retail"}),
    ("api/v1/search", {"q": "zzzz"}),
    ("audit", {}),
    ("audit", {"kind": "lineage_sensitivityflag"}),
    ("audit", {"kind": "lineage_model", "object": "7"}),
    ("audit", {"since": "2020-01-01", "until": "2020-12-31"}),
    ("api/v1/acts", {"reason": "correction wrong join", "kind": "lineage_datasetversion"}),
    ("models", {"q": "churn"}),
    ("datasets", {"q": "payroll"}),
)
LEFT_OUT = re.compile(
    r"^(accounts/|static|log/|api/v1/exports/|api/v1/log/proof|.*/statement$|.*logout|admin/(autocomplete|login|r/)"
    r"|admin/.*(add|delete)/|.*(history/\(|<path:object_id>/$)|livez|readyz|metrics|api/v1/schema)"
)


@dataclass(frozen=True)
class Asked:
    """How one address did: its queries, and the server's median and slowest time in seconds."""

    address: str
    status: int
    queries: int
    median: float
    slowest: float


def measure(scale: Scale) -> list[Figure]:
    """Seed, ask every address, and take records out."""
    versions = scale.history // HISTORY_A_VERSION
    with fresh("desk") as name:
        start = time.monotonic()
        manage(name, "seed_records", "--beside-others", "--versions", str(versions), login="app")
        with connect("owner", name) as owner:
            owner.execute("VACUUM ANALYZE")
        print(f"\n{versions:,} model versions seeded in {time.monotonic() - start:.0f} s")
        auditor_of_everything()
        with override_settings(ALLOWED_HOSTS=["testserver"]):
            return report(signed_in("auditor"))


def report(browser: Client) -> list[Figure]:
    """Ask everything, print the tables, and say what met its target."""
    told, missing = [], []
    for route in sorted(set(routes())):
        address = addressed(browser, route)
        if address is None:
            missing.append(route)
            continue
        told.append(asked(browser, address, ASKED.get(route, {})))
    told += [asked(browser, f"/{route}", query) for route, query in AGAIN]
    table(
        "Each address that answers GET, as an auditor of everything",
        ("address", "status", "queries", "median ms", "slowest ms"),
        [(a.address, a.status, a.queries, f"{1000 * a.median:.0f}", f"{1000 * a.slowest:.0f}") for a in told],
    )
    if missing:
        print("Nothing seeded to point these at:", ", ".join(missing))
    found = [a for a in told if a.address.startswith(("/search", "/api/v1/search"))]
    others = [a for a in told if a not in found]
    rates = [exported(browser, what, query) for what, query in EXPORTED]
    table("Exports", ("export", "rows", "rows a second", "memory grown, MB"), [r[:4] for r in rates])
    slowest = min(rate[4] for rate in rates)
    worst = max(others, key=lambda a: a.median)
    return [
        _figure("pages and lists: most queries", QUERIES, max(a.queries for a in told)),
        _figure(f"pages and lists: slowest median, ms ({worst.address})", MILLISECONDS, round(1000 * worst.median)),
        _figure("search: slowest median, ms", SEARCH_MILLISECONDS, round(1000 * max(a.median for a in found))),
        Figure("exports: slowest, rows a second", f"{slowest:,.0f}", f"≥ {ROWS_A_SECOND:,}", slowest >= ROWS_A_SECOND),
    ]


EXPORTED: tuple[tuple[str, dict[str, str]], ...] = (
    ("records", {"table": "lineage_modelversion", "form": "csv"}),
    ("records", {"table": "lineage_datasetversion", "form": "jsonl"}),
    ("history", {"table": "lineage_sensitivityflag", "form": "csv"}),
    ("acts", {"form": "jsonl"}),
    ("inventory", {"form": "csv"}),
)


def exported(browser: Client, what: str, query: dict[str, str]) -> tuple[str, str, str, str, float]:
    """Take one export whole, as it streams, keeping nothing of it."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    answer: Any = browser.get(f"/api/v1/exports/{what}", query)
    rows = sum(block.count(b"\n") for block in answer.streaming_content)
    rate = rows / (time.perf_counter() - start)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return f"{what} {query.get('table', '')} {query['form']}", f"{rows:,}", f"{rate:,.0f}", f"{grown:.1f}", rate


def asked(browser: Client, address: str, query: dict[str, Any]) -> Asked:
    """One address, asked until it is warm and then TIMES over."""
    browser.get(address, query)
    with CaptureQueriesContext(connection) as counted:
        status = browser.get(address, query).status_code
    queries = len(counted)  # now: the next request clears the list
    took = []
    for _time in range(TIMES):
        start = time.perf_counter()
        browser.get(address, query)
        took.append(time.perf_counter() - start)
    shown = address + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
    return Asked(shown, status, queries, statistics.median(took), max(took))


def routes() -> Iterator[str]:
    """Every address that answers GET, without its regular expressions."""

    def walk(patterns: list[Any], before: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        for one in patterns:
            here = before + re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", str(one.pattern)).replace("^", "").replace("$", "")
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, here)
            elif isinstance(one, URLPattern):
                yield here.removesuffix("/?"), one.callback

    for route, view in walk(get_resolver().url_patterns, ""):
        actions = getattr(view, "actions", None)
        cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
        reads = "get" in actions if actions is not None else cls is None or hasattr(cls, "get")
        if reads and not LEFT_OUT.match(route):
            yield route


def addressed(browser: Client, route: str) -> str | None:
    """The address of a route, its `<id>` the newest record's; None where there is none, or it does not read."""
    if "<" not in route:
        return f"/{route}" if browser.get(f"/{route}", ASKED.get(route, {})).status_code == 200 else None
    if route.startswith("admin/"):
        return _of_admin(browser, route)
    head = route.removeprefix("api/v1/").split("/<")[0]
    number = _newest(browser, {"audit/acts": "acts", "audit/samples": "samples"}.get(head, head))
    if number is None or "<" in (address := f"/{route}".replace("<id>", str(number))):
        return None
    return address if browser.get(address).status_code == 200 else None


def _newest(browser: Client, collection: str) -> Any:
    answer = browser.get(f"/api/v1/{collection}", {"limit": 1})
    rows = answer.json()["results"] if answer.status_code == 200 else []
    return rows[0].get("id", rows[0].get("action_id")) if rows else None


def _of_admin(browser: Client, route: str) -> str | None:
    from django.apps import apps

    found = re.fullmatch(r"admin/(governance|lineage|approvals)/(\w+)/<path:object_id>/(history|change)/", route)
    if found is None:
        return None
    newest = apps.get_model(found[1], found[2])._default_manager.order_by("-pk").values_list("pk", flat=True)[:1]
    address = f"/admin/{found[1]}/{found[2]}/{newest[0]}/{found[3]}/" if newest else None
    return address if address and browser.get(address).status_code == 200 else None


def auditor_of_everything() -> None:
    """An auditor with a grant of everywhere, who may sign in."""
    from governance.accounts.actions.grants import approve_grant, grant_role
    from governance.accounts.actions.principals import create_person
    from governance.accounts.roles import Role

    auditor = create_person(
        actor=person("admin"), email=email("auditor"), display_name="Auditor", password=os.urandom(16).hex(), **WHY
    )
    given = grant_role(actor=person("admin"), principal=auditor, role=Role.AUDITOR, namespace=None, **WHY)
    approve_grant(actor=person("admin2"), grant=given, **WHY)


def signed_in(name: str) -> Client:
    """A browser of a member of the bench's people."""
    from governance.accounts.models import User

    browser = Client()
    browser.force_login(
        User.objects.get(email=name if "@" in name else email(name)),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    return browser


def _figure(name: str, target: int, measured: int) -> Figure:
    return Figure(name, str(measured), f"≤ {target}", measured <= target)
