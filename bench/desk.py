"""Every page and list at scale, search, and exports: 100,000 model versions, a million rows of history behind them.

Each address that answers GET is asked in this process, without the network, by an auditor of everything; by another
role where it is not for auditors. Counted is CPU, of Python and of the PostgreSQL process that serves it, best of
several, since a shared machine's wall time is that of the neighbours; wall time stands beside it. Targets: 15 queries
and 100 ms, search 50 ms, exports 20,000 rows a second in flat memory.
"""

import os
import re
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from bench.beside import one_of_each
from bench.copies import multiply
from bench.databases import fresh, manage
from bench.figures import Figure, Scale, spent, table
from bench.people import WHY, email, person
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.actions.principals import create_person
from governance.accounts.models import Principal, User
from governance.accounts.roles import TWO_PERSON_ROLES, Role

QUERIES, MILLISECONDS, SEARCH_MILLISECONDS, ROWS_A_SECOND = 15, 100, 50, 20_000
TIMES = 5
#: Who is asked to open an address, one after the other until it opens; each holds the role everywhere.
OPENERS = (Role.AUDITOR, Role.MODEL_OWNER, Role.DATA_STEWARD, Role.RISK_MANAGER, Role.POLICY_OWNER, Role.ADMINISTRATOR)
Browsers = Mapping[Role, Client]
HISTORY_A_VERSION = 10
COPIES = 10  # times what is seeded through the guards

#: What an address asks for besides its path; those that only act, sign in or download are not here to be measured.
ASKED: dict[str, dict[str, Any]] = {
    "search": {"q": "fraud alerts north"},
    "api/v1/search": {"q": "scoring"},
    "api/v1/history": {"table": "lineage_run"},
    "audit": {"reason": "retraining drift"},
}
#: More ways to ask the same address: those that are hard on a large record, and other roles' part of a page.
AGAIN: tuple[tuple[Role, str, dict[str, Any]], ...] = (
    (Role.RISK_MANAGER, "", {}),
    (Role.RISK_MANAGER, "reviews", {}),
    (Role.AUDITOR, "search", {"q": "train"}),
    (Role.AUDITOR, "api/v1/search", {"q": "seed retail"}),
    (Role.AUDITOR, "api/v1/search", {"q": "zzzz"}),
    (Role.AUDITOR, "api/v1/search", {"q": "fruad alrets north"}),
    (Role.AUDITOR, "audit", {}),
    (Role.AUDITOR, "audit", {"kind": "lineage_sensitivityflag"}),
    (Role.AUDITOR, "audit", {"kind": "lineage_model", "object": "7"}),
    (Role.AUDITOR, "audit", {"since": "2020-01-01", "until": "2020-12-31"}),
    (Role.AUDITOR, "api/v1/acts", {"reason": "correction wrong join", "kind": "lineage_datasetversion"}),
    (Role.AUDITOR, "models", {"q": "churn"}),
    (Role.AUDITOR, "datasets", {"q": "payroll"}),
)
LEFT_OUT = re.compile(
    r"^(accounts/|static|log/|api/v1/exports/|api/v1/log/proof|.*/statement$|.*logout|admin/(autocomplete|login|r/)"
    r"|admin/.*(add|delete)/|.*(history/\(|<path:object_id>/$)|livez|readyz|metrics|api/v1/schema)"
)


@dataclass(frozen=True)
class Asked:
    """How one address did: its queries, and the best of several in seconds of CPU of both sides, and by the clock."""

    address: str
    who: Role
    queries: int
    python: float
    postgres: float
    clock: float

    @property
    def took(self) -> float:
        """What it costs the server."""
        return self.python + self.postgres


def measure(scale: Scale) -> list[Figure]:
    """Seed, ask every address, and take records out."""
    versions = scale.history // HISTORY_A_VERSION
    with fresh("desk") as name:
        start = time.monotonic()
        manage(name, "seed_records", "--beside-others", "--versions", str(versions // COPIES), login="app")
        print(f"\n{versions // COPIES:,} model versions seeded in {time.monotonic() - start:.0f} s")
        rows, seconds = multiply(name, COPIES)
        print(f"{rows:,} rows copied from them, guards off, in {seconds:.0f} s; guards on again since", flush=True)
        browsers = everywhere()
        with override_settings(ALLOWED_HOSTS=["testserver"]):
            return report(browsers)


def report(browsers: Browsers) -> list[Figure]:
    """Ask everything, print the tables, and say what met its target."""
    told, missing = [], []
    for route in sorted(set(routes())):
        who, address = opened(browsers, route)
        if address is None:
            missing.append(route)
            continue
        told.append(asked(browsers, who, address, ASKED.get(route, {})))
    told += [asked(browsers, who, f"/{route}", query) for who, route, query in AGAIN]
    told.sort(key=lambda one: one.took, reverse=True)
    table(
        "Each address that answers GET, the dearest first; ms of CPU, best of several, and ms by the clock",
        ("address", "as", "queries", "Python", "PostgreSQL", "both", "clock"),
        [
            (a.address, a.who, a.queries, *(f"{1000 * part:.0f}" for part in (a.python, a.postgres, a.took, a.clock)))
            for a in told
        ],
    )
    if missing:
        print("Nothing seeded to point these at:", ", ".join(missing))
    found = [a for a in told if a.address.startswith(("/search", "/api/v1/search"))]
    others = [a for a in told if a not in found]
    rates = [exported(browsers[Role.AUDITOR], what, query) for what, query in EXPORTED]
    header = ("export", "rows", "rows a second of CPU", "and by the clock", "memory grown, MB")
    table("Exports", header, [rate[:-1] for rate in rates])
    slowest = min(rate[-1] for rate in rates)
    worst = max(others, key=lambda a: a.took)
    return [
        _figure("pages and lists: most queries", QUERIES, max(a.queries for a in told)),
        _figure(f"pages and lists: dearest, ms of CPU ({worst.address})", MILLISECONDS, round(1000 * worst.took)),
        _figure("search: dearest, ms of CPU", SEARCH_MILLISECONDS, round(1000 * max(a.took for a in found))),
        Figure(
            "exports: slowest, rows a second of CPU",
            f"{slowest:,.0f}",
            f"≥ {ROWS_A_SECOND:,}",
            slowest >= ROWS_A_SECOND,
        ),
    ]


EXPORTED: tuple[tuple[str, dict[str, str]], ...] = (
    ("records", {"table": "lineage_modelversion", "form": "csv"}),
    ("records", {"table": "lineage_datasetversion", "form": "jsonl"}),
    ("history", {"table": "lineage_sensitivityflag", "form": "csv"}),
    ("acts", {"form": "jsonl"}),
    ("inventory", {"form": "csv"}),
)


def exported(browser: Client, what: str, query: dict[str, str]) -> tuple[str, str, str, str, str, float]:
    """Take one export whole, as it streams, keeping nothing of it; last the rows a second of CPU of both sides."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = 0

    def taken() -> None:
        nonlocal rows
        answer: Any = browser.get(f"/api/v1/exports/{what}", query)
        rows = sum(block.count(b"\n") for block in answer.streaming_content)

    python, postgres, clock = spent(taken)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    rate = rows / (python + postgres)
    name = f"{what} {query.get('table', '')} {query['form']}"
    return name, f"{rows:,}", f"{rate:,.0f}", f"{rows / clock:,.0f}", f"{grown:.1f}", rate


def asked(browsers: Browsers, who: Role, address: str, query: dict[str, Any]) -> Asked:
    """One address, asked until it is warm and then TIMES over."""
    browser = browsers[who]
    browser.get(address, query)
    with CaptureQueriesContext(connection) as counted:
        answer = browser.get(address, query)
    assert answer.status_code == 200, (address, answer.status_code)
    queries = len(counted)  # now: the next request clears the list
    each = [spent(lambda: browser.get(address, query)) for _time in range(TIMES)]
    shown = address + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
    python, postgres, clock = (min(part) for part in zip(*each, strict=True))
    return Asked(shown, who, queries, python, postgres, clock)


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


def opened(browsers: Browsers, route: str) -> tuple[Role, str | None]:
    """Who opens a route first, and its address; None where there is nothing to point it at, or nobody may."""
    for who in OPENERS:
        if address := addressed(browsers[who], route):
            return who, address
    return OPENERS[0], None


def addressed(browser: Client, route: str) -> str | None:
    """The address of a route, its `<id>` the newest record's; None where there is none, or it does not read."""
    if "<" not in route:
        return f"/{route}" if browser.get(f"/{route}", ASKED.get(route, {})).status_code == 200 else None
    if route.startswith("admin/"):
        return _of_admin(browser, route)
    head = route.removeprefix("api/v1/").split("/<")[0]
    number = _newest(
        browser, {"audit/acts": "acts", "audit/samples": "samples", "openlineage": "openlineage-events"}.get(head, head)
    )
    if number is None or "<" in (address := f"/{route}".replace("<id>", str(number))):
        return None
    return address if browser.get(address).status_code == 200 else None


def _newest(browser: Client, collection: str) -> Any:
    answer = browser.get(f"/api/v1/{collection}", {"limit": 1})
    found = answer.json() if answer.status_code == 200 else []
    rows = found["results"] if isinstance(found, dict) else found
    return rows[0].get("id", rows[0].get("action_id")) if rows else None


def _of_admin(browser: Client, route: str) -> str | None:
    from django.apps import apps

    found = re.fullmatch(r"admin/(governance|lineage|approvals)/(\w+)/<path:object_id>/(history|change)/", route)
    if found is None:
        return None
    newest = apps.get_model(found[1], found[2])._default_manager.order_by("-pk").values_list("pk", flat=True)[:1]
    address = f"/admin/{found[1]}/{found[2]}/{newest[0]}/{found[3]}/" if newest else None
    return address if address and browser.get(address).status_code == 200 else None


def everywhere() -> Browsers:
    """A browser of one person for each of OPENERS, and what the seed has not made."""
    one_of_each({role: holder(role) for role in OPENERS}, holder(Role.POLICY_OWNER, "policy2"))
    return {role: signed_in(role.value) for role in OPENERS}


def auditor_of_everything() -> None:
    """An auditor with a grant of everywhere, who may sign in."""
    holder(Role.AUDITOR)


def holder(role: Role, name: str = "") -> Principal:
    """A person of a name, or named for the role, who holds it everywhere and may sign in."""
    one = create_person(
        actor=person("admin"),
        email=email(name or role.value),
        display_name=str(role.label),
        password=os.urandom(16).hex(),
        **WHY,
    )
    given = grant_role(actor=person("admin"), principal=one, role=role, namespace=None, **WHY)
    if role in TWO_PERSON_ROLES:
        approve_grant(actor=person("admin2"), grant=given, **WHY)
    return one


def signed_in(name: str) -> Client:
    """A browser of a member of the bench's people."""
    browser = Client()
    browser.force_login(
        User.objects.get(email=name if "@" in name else email(name)),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    return browser


def _figure(name: str, target: int, measured: int) -> Figure:
    return Figure(name, str(measured), f"≤ {target}", measured <= target)
