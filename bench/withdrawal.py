"""A withdrawal at the head of a large lineage: what serves below answered, and how long it waits under load."""

import random
import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from approvals.actions.promotions import promote
from approvals.models import LiveSlot, Promotion, PromotionEnd, Release, ServingNotice
from bench.databases import connect, fresh, manage
from bench.figures import Figure, Scale, quantile, table, within
from bench.people import WHY, person
from bench.records import Judged, judged_model, training_sets, whole_release
from bench.registry import FIRST, Copy, insert
from lineage.actions import withdraw_terms
from lineage.models import CollectionTerms, DatasetVersion

EDGES = 100_000
LIVE = 600
#: What an earlier version of each model is: none, one on the same data, one on other data that may serve again.
EARLIER = ("no earlier version", "an earlier version each, no better", "a good earlier version each")
DEPTH = 100  # generations of data between the head and what was trained on
RATE = 300  # promotions a second, all of models trained on the same datasets
DRIVERS = 6
SECONDS = 8.0
RELEASES = 12


def measure(scale: Scale) -> list[Figure]:
    """The answer first, then the wait. Both on real models, trained on five sets with fifty above them."""
    edges = EDGES if scale.versions > 100_000 else EDGES // 10
    found = []
    for earlier in EARLIER:
        with fresh("withdrawal") as name:
            data, judged = training_sets(), judged_model()
            if earlier != EARLIER[0]:
                _promoted(judged, data if earlier == EARLIER[1] else training_sets())
            found.append(_answered(name, _promoted(judged, data), data[0], edges, earlier))
    with fresh("withdrawal_load") as name:
        data = training_sets()
        releases = [whole_release(judged_model(), data) for _ in range(RELEASES)]
        return [*found, *_under_load(name, releases, data[0])]


def _promoted(judged: Judged, data: list[DatasetVersion]) -> Promotion:
    return promote(actor=person("pipeline"), release=whole_release(judged, data), **WHY)


def _answered(name: str, promotion: Promotion, head: DatasetVersion, edges: int, earlier: str) -> Figure:
    """Seed generations of data below one dataset and models trained on the last; withdraw the terms of the first."""
    nodes = (edges - 2 * LIVE) // 2
    wide = nodes // DEPTH
    with connect("superuser", name) as superuser:
        copies = _lineage(promotion, head, nodes, wide)
        if promotion.replaces is not None:
            copies += _superseded(promotion.replaces, nodes)
        tables = sorted({copy.table for copy, _count in copies})
        for one in tables:
            superuser.execute(f"ALTER TABLE public.{one} DISABLE TRIGGER ALL")
        for copy, count in copies:
            insert(superuser, copy, 0, count)
        for one in tables:
            superuser.execute(f"ALTER TABLE public.{one} ENABLE TRIGGER ALL")
        # What goes live now is the newest: its number comes after those of the copies.
        superuser.execute(
            "SELECT setval(pg_get_serial_sequence('approvals_promotion', 'id'), max(id)) FROM approvals_promotion"
        )
        superuser.execute("VACUUM (ANALYZE)")
    manage(name, "install_guards", login="owner")
    terms = CollectionTerms.objects.filter(dataset=head.dataset).latest("number")
    start = time.perf_counter()
    withdraw_terms(actor=person("steward"), terms=terms, **WHY)
    seconds = time.perf_counter() - start
    told, ended = ServingNotice.objects.count(), PromotionEnd.objects.filter(kind="suspended").count()
    assert told == ended == LIVE + 1, (told, ended)
    serving = LiveSlot.objects.filter(promotion__kind=Promotion.Kind.FALLBACK).count()
    assert serving == LiveSlot.objects.count() == (LIVE + 1 if earlier == EARLIER[2] else 0), serving
    longest = max(len(chain) for chain in ServingNotice.objects.values_list("chain", flat=True))
    table(
        "A withdrawal at the head of a lineage (the policy: at once, fall back to the last good version)",
        ("edges", "generations", "live below", "earlier versions", "serve now", "answered in", "longest chain kept"),
        [(f"{2 * nodes + 2 * LIVE:,}", DEPTH, told, earlier, serving, f"{1000 * seconds:.0f} ms", longest)],
    )
    return within(f"withdrawal over {edges:,} edges, {LIVE} live, {earlier}: answered", seconds, 2, " s")


def _lineage(promotion: Promotion, head: DatasetVersion, nodes: int, wide: int) -> list[tuple[Copy, int]]:
    """Each generation is made from the one above it, one run each; the models from the last."""
    version, release = promotion.release.model_version, promotion.release
    at, key = f"{FIRST} + u", {"run_key": "'seeded-' || u"}
    run, training = f"{FIRST} + {nodes} + u", f"run_id = {version.source_run_id} AND role = 'training'"
    above = f"CASE WHEN u < {wide} THEN {head.pk} ELSE {FIRST} + u - {wide} END"
    return [
        (Copy("lineage_dataset", "x", f"id = {head.dataset_id}", {"id": at, "name": "'seeded'"}), 1),
        (Copy("lineage_datasetversion", "x", f"id = {head.pk}",
              {"id": at, "dataset_id": str(FIRST), "label": "'seeded-' || u"}), nodes),
        (Copy("lineage_run", "x", f"id = {version.source_run_id}", {"id": at, **key}), nodes + LIVE),
        (Copy("lineage_runinput", "x", "role = 'source'",
              {"id": at, "run_id": at, "dataset_version_id": above}), nodes),
        (Copy("lineage_runoutput", "x", "dataset_version_id IS NOT NULL",
              {"id": at, "run_id": at, "dataset_version_id": at}), nodes),
        (Copy("lineage_model", "x", f"id = {version.model_id}", {"id": at, "name": "'seeded-' || u"}), LIVE),
        (Copy("lineage_runinput", "x", training,
              {"id": run, "run_id": run, "dataset_version_id": f"{FIRST} + {nodes} - 1 - u % {wide}"}), LIVE),
        (Copy("lineage_modelversion", "x", f"id = {version.pk}",
              {"id": at, "model_id": at, "source_run_id": run, "digest_value": "md5(u::text) || md5(u::text)"}), LIVE),
        (Copy("approvals_release", "x", f"id = {release.pk}", {"id": at, "model_version_id": at}), LIVE),
        (Copy("approvals_promotion", "x", f"id = {promotion.pk}",
              {"id": f"{FIRST} + {LIVE} + u", "release_id": at, "model_id": at,
               "replaces_id": f"CASE WHEN m.replaces_id IS NOT NULL THEN {FIRST} + u END"}), LIVE),
        (Copy("approvals_liveslot", "x", f"promotion_id = {promotion.pk}",
              {"id": at, "model_id": at, "promotion_id": f"{FIRST} + {LIVE} + u"}), LIVE),
    ]  # fmt: skip


def _superseded(before: Promotion, nodes: int) -> list[tuple[Copy, int]]:
    """An earlier version of each model, and for each anew all it was approved on: its training data, evidence and
    signatures, these bound to the copy, so that the gate has as much to ask as of any.
    """
    version, release = before.release.model_version, before.release
    assert version.source_run is not None
    own, run, many = f"{FIRST} + {LIVE} + u", f"{FIRST} + {nodes} + {LIVE} + u", f"{FIRST} + u * 10"
    digest = "md5('e' || u) || md5('e' || u)"
    inputs = list(version.source_run.inputs.order_by("id").values_list("id", flat=True))
    seen = list(version.evidence.order_by("id").values_list("id", flat=True))
    votes = list(release.sign_offs.order_by("id").values_list("id", "role_grant_id", "requirement_id"))
    cited = f"ARRAY[{', '.join(f'{many} + {k}' for k in range(len(seen)))}]::bigint[]"
    rests_on = "m.requirements::text"
    for k, (vote, _grant, _requirement) in enumerate(votes):
        rest = ', "kind": "sign_off"'
        rests_on = f"""replace({rests_on}, '"id": {vote}{rest}', '"id": ' || {many} + {k} || '{rest}')"""
    copies = [
        Copy("lineage_run", "x", f"id = {version.source_run_id}", {"id": run, "run_key": "'before-' || u"}),
        *(Copy("lineage_runinput", "x", f"id = {one}", {"id": f"{run} + {LIVE * k}", "run_id": run})
          for k, one in enumerate(inputs, start=1)),
        Copy("lineage_modelversion", "x", f"id = {version.pk}",
             {"id": own, "model_id": f"{FIRST} + u", "source_run_id": run, "digest_value": digest}),
        *(Copy("approvals_evidence", "x", f"id = {one}",
               {"id": f"{many} + {k}", "model_version_id": own, "subject_digest": f"'sha256:' || {digest}"})
          for k, one in enumerate(seen)),
        *(Copy("approvals_evidencevalue", "x", f"evidence_id = {one}",
               {"id": f"{many} + {k}", "evidence_id": f"{many} + {k}"}) for k, one in enumerate(seen)),
        Copy("approvals_release", "x", f"id = {release.pk}", {"id": own, "model_version_id": own}),
        *(Copy("approvals_signoff", "x", f"id = {vote}",
               {"id": f"{many} + {k}", "release_id": own, "evidence_seen": cited,
                "bound": f"muniment.vote_binding({own}, {requirement}, {cited}, {grant})"})
          for k, (vote, grant, requirement) in enumerate(votes)),
        Copy("approvals_promotion", "x", f"id = {before.pk}",
             {"id": f"{FIRST} + u", "release_id": own, "model_id": f"{FIRST} + u"}),
        Copy("approvals_promotionend", "x", f"promotion_id = {before.pk}",
             {"id": f"{FIRST} + u", "promotion_id": f"{FIRST} + u"}),
        Copy("approvals_gatedecision", "x", f"promotion_id = {before.pk}",
             {"id": f"{FIRST} + u", "promotion_id": f"{FIRST} + u", "release_id": own,
              "requirements": f"({rests_on})::jsonb"}),
    ]  # fmt: skip
    return [(copy, LIVE) for copy in copies]


@dataclass
class Load:
    """What the drivers did, in seconds."""

    promotions: int = 0
    late: int = 0
    waits: list[float] = field(default_factory=list)
    gates: list[float] = field(default_factory=list)
    stop: float = 0.0


def _under_load(name: str, releases: list[Release], head: DatasetVersion) -> list[Figure]:
    """Promotions' locks taken and held as promotions do, at a set rate; withdrawals and the gate beside them."""
    load = Load(stop=time.monotonic() + SECONDS)
    places = [(r.pk, r.environment_id, r.model_version.model_id, r.model_version_id) for r in releases]
    threads = [threading.Thread(target=_promoting, args=(name, places, load, n)) for n in range(DRIVERS)]
    threads += [threading.Thread(target=_withdrawing, args=(name, head.dataset_id, load))]
    threads += [threading.Thread(target=_asking, args=(name, releases[0].pk, load))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate, wait, gate = load.promotions / SECONDS, statistics.median(load.waits), statistics.median(load.gates)
    cells = (f"{rate:.0f}", len(load.waits), f"{1000 * wait:.1f}", f"{1000 * max(load.waits):.0f}",
             f"{1000 * gate:.1f}", f"{1000 * quantile(load.gates, 0.95):.1f}")  # fmt: skip
    table(
        f"Waiting under load: the true lock functions at {RATE}/s on one dataset, {DRIVERS} connections, the driver"
        " beside them on the same cores (whole promotions do not reach that rate here)",
        ("lock rounds/s reached", "withdrawals", "median wait ms", "longest wait ms", "gate median ms", "gate p95 ms"),
        [cells],
    )
    return [
        Figure("lock rounds/s on one dataset", f"{rate:.0f}", f"≥ {RATE}", rate >= 0.95 * RATE),
        within("longest wait of a withdrawal under them", max(load.waits), 1, " s"),
        Figure("the gate under them, median", f"{1000 * gate:.1f} ms"),
    ]


def _promoting(name: str, places: list[tuple[int, int, int, int]], load: Load, number: int) -> None:
    """Every driver has its own models: what they share is the data."""
    mine, step = places[number::DRIVERS], DRIVERS / RATE
    with connect("owner", name) as connection:
        due = time.monotonic() + random.uniform(0, step)
        while (now := time.monotonic()) < load.stop:
            if now < due:
                time.sleep(due - now)
            else:
                load.late += 1
            due += step
            with connection.transaction():
                connection.execute("SELECT muniment.lock_for_promotion(%s, %s, %s, %s)", random.choice(mine))
            load.promotions += 1


def _withdrawing(name: str, dataset: int, load: Load) -> None:
    with connect("owner", name) as connection:
        while time.monotonic() < load.stop:
            start = time.perf_counter()
            with connection.transaction():
                connection.execute("SELECT muniment.lock_roots(ARRAY['dataset'], ARRAY[%s]::bigint[], true)", [dataset])
                load.waits.append(time.perf_counter() - start)
            time.sleep(0.05)


def _asking(name: str, release: int, load: Load) -> None:
    with connect("app", name) as connection:
        while time.monotonic() < load.stop:
            start = time.perf_counter()
            rows: list[Any] = connection.execute("SELECT * FROM muniment.gate(%s)", [release]).fetchall()
            assert rows
            load.gates.append(time.perf_counter() - start)
            time.sleep(0.05)
