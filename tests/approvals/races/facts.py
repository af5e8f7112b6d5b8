"""The facts that one promotion is played against: each is recorded in raw SQL while fifteen connections promote."""

import itertools
from collections.abc import Callable

from approvals.models import LiveSlot, Release
from lineage.models import RunInput
from tests.approvals.races.harness import Act, Tally, count, notice, play
from tests.approvals.raw import Connection, promote
from tests.approvals.world import World, dataset, derive, flag, give_terms, train

Round = Callable[[Tally], None]


def one_release(w: World, connections: list[Connection], fact: Callable[[], tuple[Release, Act]]) -> Round:
    """Rounds of one fact against fifteen connections that promote one release."""

    def round_(tally: Tally) -> None:
        release, closing = fact()
        replaces = (
            LiveSlot.objects.filter(slot=release.slot, model=w.model).values_list("promotion_id", flat=True).first()
        )
        acts = [closing]
        acts += [
            Act(one, w.cast.pipeline, lambda connection: promote(connection, release, replaces))
            for one in connections[1:]
        ]
        done, *promotions = play(acts, pause=tally.pause)
        count(tally, done, promotions, ("MU007", "MU008"))
        notice(tally, done, ())

    return round_


def flag_race(w: World, connections: list[Connection]) -> Round:
    """Someone raises a category nobody has reviewed on the dataset version three datasets upstream."""
    w.policy({"key": "sensitive-data", "kind": "sensitivity"})
    numbers = itertools.count(2)
    version = w.versions["source"]

    def fact() -> tuple[Release, Act]:
        flag(w.cast, version, category="pd:Income", present="no")

        def raise_it(connection: Connection) -> None:
            connection.execute(
                'INSERT INTO lineage_sensitivityflag (dataset_version_id, "column", category, present, regulation_sets,'
                " special_category, collected_as, data_subjects, treatment, treatment_tool, treatment_parameters,"
                " excluded_from_training, assessment)"
                " VALUES (%s, '', 'pd:Income', 'unknown', '{}', false, 'collected', '{}', 'none', '', '{}', false,"
                " 'declared')",
                [version.pk],
            )

        return w.release(w.retrain(next(numbers))), Act(connections[0], w.cast.pipeline, raise_it)

    return one_release(w, connections, fact)


def correction_race(w: World, connections: list[Connection]) -> Round:
    """A data steward voids the link to the only data that a version was trained on."""
    w.policy({"key": "provenance", "kind": "provenance"})
    numbers = itertools.count(2)

    def fact() -> tuple[Release, Act]:
        version = w.retrain(next(numbers))
        training = RunInput.objects.get(run=version.source_run)

        def void(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO lineage_linkcorrection (run_id, run_input_id, kind, reason) VALUES (%s, %s, 'void', 'Wrong')",
                [training.run_id, training.pk],
            )

        return w.release(version), Act(connections[0], w.cast.steward, void)

    return one_release(w, connections, fact)


def edge_race(w: World, connections: list[Connection]) -> Round:
    """A link to data without terms is recorded on the run that made the training data's source."""
    w.policy({"key": "terms", "kind": "terms"})
    numbers = itertools.count(2)

    def fact() -> tuple[Release, Act]:
        number = next(numbers)
        _, late = dataset(w.cast, f"late-{number}")
        # A chain of its own: what earlier rounds have linked must not close this gate.
        own, data = dataset(w.cast, f"own-{number}")
        give_terms(w.cast, own)
        run = derive(w.cast, w.versions["source"], data)
        version = train(w.cast, w.model, data, f"own-{number}")

        def link(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO lineage_runinput (run_id, dataset_version_id, role, link_method)"
                " VALUES (%s, %s, 'source', 'declared')",
                [run.pk, late.pk],
            )

        return w.release(version), Act(connections[0], w.cast.pipeline, link)

    return one_release(w, connections, fact)


def evidence_race(w: World, connections: list[Connection]) -> Round:
    """The test is run again under the same plan, and fails."""
    w.policy({"key": "performance", "kind": "evidence", "params": {"plan_kind": "performance"}})
    plan = w.plan()
    numbers = itertools.count(2)

    def fact() -> tuple[Release, Act]:
        version = w.retrain(next(numbers))
        w.evidence(plan, "0.95", subject=version)

        def fail(connection: Connection) -> None:
            row = connection.execute(
                "INSERT INTO approvals_evidence (namespace_id, plan_id, model_version_id, subject_digest, run_started_at,"
                " attachments, claim, independence, tool)"
                " VALUES (%s, %s, %s, %s, clock_timestamp(), '[]', '', '', '') RETURNING id",
                [w.cast.retail.pk, plan.pk, version.pk, f"{version.digest_algorithm}:{version.digest_value}"],
            ).fetchone()
            connection.execute(
                "INSERT INTO approvals_evidencevalue (evidence_id, metric, slice, dataset_role, value, unit)"
                " VALUES (%s, 'accuracy', '', '', 0.5, '')",
                row,
            )

        return w.release(version), Act(connections[0], w.cast.tester, fail)

    return one_release(w, connections, fact)
