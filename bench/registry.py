"""A large registry by set-based INSERT … SELECT: copies of a whole release's rows, as many as asked for.

The guards are off while it is seeded, as the superuser, and on again before anything is measured: seeding a million
versions through them would take a night. The copies stand where the gate looks (datasets, versions, runs and inputs,
the histories it reads, plans, releases, signatures, evidence, promotions), so that its indexes are as deep as life
makes them. They have no ledger entries; the gate reads none.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.models import Promotion
from bench.databases import connect, manage
from governance.history.builder import columns_of, literal, quote

FIRST = 1_000_000_000  # ids of what is seeded begin here, far from what was registered
PER_MODEL = 100
DATASETS = 2_000
INPUTS, VOTES, EVIDENCE = 2, 3, 2  # per seeded version


@dataclass(frozen=True)
class Copy:
    """How a row is copied. `columns` are SQL: `u` is the version, model or dataset a copy belongs to, from 0; `n`
    counts the copies of all of them from 0, `k` those of one. Columns not named are the template's.
    """

    table: str
    per: str  # version, model or dataset
    template: str  # WHERE of the row that is copied
    columns: Mapping[str, str]
    count: int = 1


def seed(name: str, template: Promotion, *, present: int, wanted: int) -> tuple[int, float]:
    """Fill a registry up from `present` seeded versions to `wanted` with copies of a promoted version.

    Returns:
        rows inserted, and seconds it took: indexes, VACUUM and ANALYZE included.
    """
    start, rows = time.perf_counter(), 0
    ranges = {
        "version": (present, wanted),
        "model": (present // PER_MODEL, wanted // PER_MODEL),
        "dataset": (0, 0 if present else DATASETS),
    }
    with connect("superuser", name) as superuser:
        copies = [*_facts(template), *_judgements(template)]
        tables = sorted({copy.table for copy in copies})
        for table in tables:
            superuser.execute(f"ALTER TABLE public.{table} DISABLE TRIGGER ALL")
        for copy in copies:
            rows += insert(superuser, copy, *ranges[copy.per])
        for table in tables:
            superuser.execute(f"ALTER TABLE public.{table} ENABLE TRIGGER ALL")
        superuser.execute("VACUUM (ANALYZE)")  # as autovacuum will have done
    manage(name, "install_guards", login="owner")
    manage(name, "install_guards", "--check", login="owner")
    return rows, time.perf_counter() - start


def insert(superuser: Any, copy: Copy, first: int, last: int) -> int:
    names = [column.name for column in columns_of(superuser.cursor(), copy.table)]
    chosen = [copy.columns.get(name, f"m.{quote(name)}") for name in names]
    done = superuser.execute(
        f"INSERT INTO public.{copy.table} ({', '.join(map(quote, names))}) SELECT {', '.join(chosen)}"
        f" FROM (SELECT * FROM public.{copy.table} WHERE {copy.template} ORDER BY 1 LIMIT 1) m,"
        f" generate_series({first * copy.count}::bigint, {last * copy.count}::bigint - 1) n,"
        f" LATERAL (SELECT n / {copy.count} AS u, n % {copy.count} AS k) o"
    )
    return int(done.rowcount)


def _id(of: str) -> str:
    return f"{FIRST} + {of}"


def _sha(of: str) -> str:
    return f"encode(sha256(convert_to({literal(of)} || n, 'UTF8')), 'hex')"


_MODEL_OF_VERSION = _id(f"u / {PER_MODEL}")


def _history(table: str, per: str, record: int, named: Mapping[str, str]) -> Copy:
    keys = {"history_id": _id("n"), "id": _id("u"), "action_id": "gen_random_uuid()", "ledger_entry_id": _id("n")}
    return Copy(table, per, f"id = {record}", {**keys, **named})


def _facts(template: Promotion) -> list[Copy]:
    version = template.release.model_version
    run, data = (
        version.source_run_id,
        f"(SELECT max(dataset_version_id) FROM public.lineage_runinput WHERE run_id = {version.source_run_id})",
    )
    dataset = f"(SELECT dataset_id FROM public.lineage_datasetversion WHERE id = {data})"
    model_name = {"name": "'seeded-' || u"}
    run_key = {"run_key": "'seeded-' || u"}
    return [
        Copy("lineage_dataset", "dataset", f"id = {dataset}", {"id": _id("u"), **model_name}),
        Copy("lineage_datasetversion", "dataset", f"id = {data}",
             {"id": _id("u"), "dataset_id": _id("u"), "digest_value": _sha("data")}),
        Copy("lineage_collectionterms", "dataset", f"dataset_id = {dataset}", {"id": _id("u"), "dataset_id": _id("u")}),
        Copy("lineage_sensitivityflag", "dataset", f"dataset_version_id = {data}",
             {"id": _id("n"), "dataset_version_id": _id("u"),
              "category": "(ARRAY['pd:Age', 'pd:Income', 'pd:Name'])[k + 1]"}, 3),
        Copy("lineage_model", "model", f"id = {version.model_id}", {"id": _id("u"), **model_name}),
        _history("lineage_historicalmodel", "model", version.model_id, model_name),
        Copy("lineage_run", "version", f"id = {run}", {"id": _id("u"), **run_key}),
        _history("lineage_historicalrun", "version", run or 0, run_key),
        Copy("lineage_runinput", "version", f"run_id = {run}",
             {"id": _id("n"), "run_id": _id("u"),
              "dataset_version_id": _id(f"(u * 7919 + k * 729) % {DATASETS}")}, INPUTS),
        Copy("lineage_modelversion", "version", f"id = {version.pk}",
             {"id": _id("u"), "model_id": _MODEL_OF_VERSION, "number": f"u % {PER_MODEL} + 1",
              "digest_value": _sha("version"), "source_run_id": _id("u")}),
    ]  # fmt: skip


def _judgements(template: Promotion) -> list[Copy]:
    release = template.release
    evidence = f"(SELECT max(id) FROM public.approvals_evidence WHERE model_version_id = {release.model_version_id})"
    return [
        Copy("approvals_plan", "model", f"model_id = {template.model_id}", {"id": _id("u"), "model_id": _id("u")}),
        Copy("approvals_evidence", "version", f"id = {evidence}",
             {"id": _id("n"), "plan_id": _MODEL_OF_VERSION, "model_version_id": _id("u")}, EVIDENCE),
        Copy("approvals_evidencevalue", "version", f"evidence_id = {evidence}",
             {"id": _id("n"), "evidence_id": _id("n")}, EVIDENCE),
        Copy("approvals_release", "version", f"id = {release.pk}", {"id": _id("u"), "model_version_id": _id("u")}),
        # A short statement: what was signed is read by people, never by the gate.
        Copy("approvals_signoff", "version", f"release_id = {release.pk}",
             {"id": _id("n"), "release_id": _id("u"), "statement": "'Signed as read'",
              "statement_digest": _sha("vote")}, VOTES),
        Copy("approvals_promotion", "model", f"id = {template.pk}",
             {"id": _id("u"), "release_id": _id(f"u * {PER_MODEL}"), "model_id": _id("u")}),
        Copy("approvals_liveslot", "model", f"promotion_id = {template.pk}",
             {"id": _id("u"), "model_id": _id("u"), "promotion_id": _id("u")}),
    ]  # fmt: skip
