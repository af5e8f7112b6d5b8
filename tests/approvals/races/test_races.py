"""A21 and A22: promotions against what should have closed the gate, sixteen connections at once.

Each race is first shown to go wrong with its lock taken out, so that the green rounds after it mean something.
"""

import itertools
from collections.abc import Callable

import pytest
from django.utils import timezone

from approvals.actions.findings import close_finding
from approvals.actions.policies import write_policy_version
from approvals.actions.promotions import ask_for_promotion
from approvals.models import Finding, LiveSlot, Promotion, PromotionEnd, Release, Slot
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.models import Principal
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from lineage.models import CollectionTerms, Model, ModelVersion, RiskTier
from tests.approvals.races.facts import Round, correction_race, edge_race, evidence_race, flag_race, one_release
from tests.approvals.races.harness import CONNECTIONS, PAUSE, Act, Tally, count, longer, notice, play, without
from tests.approvals.raw import Connection, promote
from tests.approvals.world import PURPOSE, WHY, World, give_terms, signature, train

pytestmark = pytest.mark.usefixtures("own_database")
Raw = Callable[[str], Connection]

SHORT = 4  # rounds in `make test`
LONG = 300  # in `make soak`
TO_FAIL = 150  # rounds within which a missing lock must show


@pytest.fixture
def connections(raw: Raw) -> list[Connection]:
    """Sixteen of the app's."""
    found = [raw("app") for _ in range(CONNECTIONS)]
    for one in found:
        one.execute("SET statement_timeout = '170s'")
    return found


def vote_race(w: World, connections: list[Connection]) -> Round:
    """The only approval is withdrawn while fifteen connections promote the release it is on."""
    w.policy(signature("risk", "risk_manager", binds=["subject"]))
    numbers = itertools.count(2)

    def round_(tally: Tally) -> None:
        release = w.release(w.retrain(next(numbers)))
        vote = w.vote("risk", w.cast.risk, release=release)
        replaces = LiveSlot.objects.values_list("promotion_id", flat=True).first()

        def withdraw(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO approvals_signoffwithdrawal (sign_off_id, reason) VALUES (%s, 'No')", [vote.pk]
            )

        def go(connection: Connection) -> None:
            promote(connection, release, replaces)

        acts = [Act(connections[0], w.cast.risk, withdraw)]
        acts += [Act(one, w.cast.pipeline, go) for one in connections[1:]]
        fact, *promotions = play(acts, pause=tally.pause)
        before = tally.wrong
        count(tally, fact, promotions, ("MU007", "MU008"))
        notice(tally, fact, ("MU008",))
        if fact.committed and any(p.committed for p in promotions) and tally.wrong == before:
            tally.wrong += 1  # a vote cannot be taken back after the promotion, so no order explains both
        if sum(p.committed for p in promotions) > 1:
            tally.surprises.append("promoted twice on one release")

    return round_


def terms_race(w: World, connections: list[Connection]) -> Round:
    """Terms three datasets upstream are withdrawn while fifteen models trained below are promoted."""
    w.policy({"key": "terms", "kind": "terms"})
    versions: list[ModelVersion] = []
    for number in range(CONNECTIONS - 1):
        with recorded_action(actor=w.cast.pipeline, **WHY):
            model = Model.objects.create(
                namespace=w.cast.retail, name=f"m{number}", intended_purpose=PURPOSE, deployment_geography=["DE"]
            )
        versions.append(train(w.cast, model, w.versions["features"], f"m{number}"))

    def round_(tally: Tally) -> None:
        terms: CollectionTerms = give_terms(w.cast, w.datasets["source"], effective_from=timezone.now())
        releases = [w.release(version) for version in versions]
        live = dict(LiveSlot.objects.values_list("model_id", "promotion_id"))

        def withdraw(connection: Connection) -> None:
            connection.execute("INSERT INTO lineage_termswithdrawal (terms_id, reason) VALUES (%s, 'No')", [terms.pk])

        def going(release: Release) -> Callable[[Connection], object]:
            replaces = live.get(release.model_version.model_id)  # here: a thread must not open Django's connection
            return lambda connection: promote(connection, release, replaces)

        acts = [Act(connections[0], w.cast.steward, withdraw)]
        acts += [
            Act(one, w.cast.pipeline, going(release)) for one, release in zip(connections[1:], releases, strict=True)
        ]
        fact, *promotions = play(acts, pause=tally.pause)
        count(tally, fact, promotions, ("MU007",))
        notice(tally, fact, ())

    return round_


def role_race(w: World, connections: list[Connection]) -> Round:
    """The role that the only approval was given under is ended."""
    w.policy(signature("risk", "risk_manager", binds=["subject"]))

    def fact() -> tuple[Release, Act]:
        given = grant_role(
            actor=w.cast.admin, principal=w.cast.viewer, role=Role.RISK_MANAGER, namespace=w.cast.retail, **WHY
        )
        grant = approve_grant(actor=w.cast.admin2, grant=given, **WHY)
        release = w.release()
        w.vote("risk", w.cast.viewer, release=release)

        def end(connection: Connection) -> None:
            connection.execute(
                "UPDATE governance_rolegrant SET ended_by_id = %s, ended_at = now() WHERE id = %s",
                [w.cast.admin.pk, grant.pk],
            )

        return release, Act(connections[0], w.cast.admin, end)

    return one_release(w, connections, fact)


def leaving_race(w: World, connections: list[Connection]) -> Round:
    """The only approver's account is closed."""
    w.policy(signature("risk", "risk_manager", binds=["subject"]))

    def fact() -> tuple[Release, Act]:
        with recorded_action(actor=w.cast.admin, **WHY):
            Principal.objects.filter(pk=w.cast.risk.pk).update(is_active=True)
        release = w.release()
        w.vote("risk", w.cast.risk, release=release)  # the vote of a refused round does not count again

        def leave(connection: Connection) -> None:
            connection.execute("UPDATE governance_principal SET is_active = false WHERE id = %s", [w.cast.risk.pk])

        return release, Act(connections[0], w.cast.admin, leave)

    return one_release(w, connections, fact)


def policy_race(w: World, connections: list[Connection]) -> Round:
    """A policy that asks for a signature nobody gave is published."""

    def fact() -> tuple[Release, Act]:
        w.policy({"key": "artifact", "kind": "artifact"})
        strict = write_policy_version(
            actor=w.cast.policy, environment=w.production, risk_tier=RiskTier.HIGH,
            requirements=[signature("risk", "risk_manager")], **WHY,
        )  # fmt: skip

        def publish(connection: Connection) -> None:
            connection.execute("INSERT INTO approvals_policypublication (policy_version_id) VALUES (%s)", [strict.pk])

        return w.release(), Act(connections[0], w.cast.policy2, publish)

    return one_release(w, connections, fact)


def finding_race(w: World, connections: list[Connection]) -> Round:
    """A blocking finding is raised on what is live of the same model in another slot."""
    w.policy({"key": "findings", "kind": "findings"})

    def fact() -> tuple[Release, Act]:
        for finding in Finding.objects.filter(events__isnull=True):
            close_finding(actor=w.cast.compliance, finding=finding, text="Next round", **WHY)
        serving = LiveSlot.objects.filter(slot=Slot.CHAMPION).select_related("promotion").first()
        if serving is not None:
            champion = serving.promotion
        else:
            champion = ask_for_promotion(actor=w.cast.pipeline, release=w.release(), **WHY)

        def raise_it(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO approvals_finding (namespace_id, kind, promotion_id, text, severity, blocks, when_overdue)"
                " VALUES (%s, 'incident', %s, 'Outage', 'high', true, 'nothing')",
                [w.cast.retail.pk, champion.pk],
            )

        return w.release(slot=Slot.CHALLENGER), Act(connections[0], w.cast.auditor, raise_it)

    return one_release(w, connections, fact)


def slot_race(w: World, connections: list[Connection]) -> Round:
    """Sixteen versions of one model are promoted into one slot, all having seen the same thing live there."""
    w.policy({"key": "artifact", "kind": "artifact"})
    versions = [w.version, *[w.retrain(number) for number in range(2, CONNECTIONS + 1)]]

    def round_(tally: Tally) -> None:
        releases = [w.release(version) for version in versions]
        live = LiveSlot.objects.values_list("promotion_id", flat=True).first()
        if live is not None and tally.rounds % 2:  # every other round the slot is empty
            with recorded_action(actor=w.cast.risk, **WHY):
                PromotionEnd.objects.create(promotion_id=live, kind="retired", reason="Next round")
            live = None

        def going(release: Release) -> Callable[[Connection], object]:
            return lambda connection: promote(connection, release, live)

        acts = [Act(one, w.cast.pipeline, going(r)) for one, r in zip(connections, releases, strict=True)]
        outcomes = play(acts, pause=tally.pause)
        tally.rounds += 1
        winners = [o for o in outcomes if o.committed]
        tally.promoted += len(winners)
        tally.refused += len(outcomes) - len(winners)
        tally.overlapped += any(a.began < b.ended and b.began < a.ended for a, b in itertools.combinations(outcomes, 2))
        tally.wrong += len(winners) != 1
        tally.wrong += Promotion.objects.filter(end__isnull=True).count() != 1
        for outcome in outcomes:
            notice(tally, outcome, ("MU008",))

    return round_


#: Race -> how it is set up, and the locks without which it must go wrong.
RACES: dict[str, tuple[Callable[[World, list[Connection]], Round], tuple[str, ...]]] = {
    "vote-withdrawal": (vote_race, ("release",)),
    "terms-withdrawal-three-upstream": (terms_race, ("roots",)),
    "another-promotion": (slot_race, ("slot", "arbiter")),
    "role-loss": (role_race, ("grants", "persons")),  # ending a grant locks its holder as well
    "voter-leaves": (leaving_race, ("persons",)),
    "policy-publication": (policy_race, ("environment",)),
    "finding-on-what-is-live": (finding_race, ("promotions",)),
    "new-flag-three-upstream": (flag_race, ("roots",)),
    "late-lineage-edge": (edge_race, ("roots",)),
    "voided-link": (correction_race, ("roots",)),
    "failed-evidence": (evidence_race, ("roots",)),
}
#: The three that issue 2 asks for; the others run shorter beside them, and as long in `make soak`.
ALWAYS = ("vote-withdrawal", "terms-withdrawal-three-upstream", "another-promotion")


@pytest.mark.parametrize("name", RACES)
def test_A21_A22_none_goes_wrong_and_without_its_lock_it_does(
    w: World, raw: Raw, connections: list[Connection], name: str
) -> None:
    run(w, raw, connections, name, SHORT if name in ALWAYS else 2)


@pytest.mark.soak
@pytest.mark.parametrize("name", RACES)
def test_A21_A22_none_goes_wrong_in_three_hundred_rounds(
    w: World, raw: Raw, connections: list[Connection], name: str
) -> None:
    run(w, raw, connections, name, LONG)


def run(w: World, raw: Raw, connections: list[Connection], name: str, rounds: int) -> None:
    """Without the lock until it goes wrong; then as shipped; then without the queue, which is for fairness alone."""
    race, locks = RACES[name]
    play_round = race(w, connections)
    owner = raw("owner")
    without(owner, "queue", *locks)  # the queue would hide the missing lock
    broken = Tally()
    while not broken.wrong and broken.rounds < TO_FAIL:
        broken.pause = longer(broken.rounds)
        play_round(broken)
    print(f"\n{name}, without {', '.join(locks)}: {broken}")
    assert broken.wrong, "the race was never seen to fail: it tests nothing"
    tidy(w)
    played = [broken]

    shipped: tuple[tuple[str, tuple[str, ...], int], ...] = (
        ("as shipped", (), rounds),
        ("without the queue", ("queue",), max(3, rounds // 3)),
    )
    for label, removed, many in shipped:
        without(owner, *removed)
        tally = Tally()
        while tally.rounds < many or (tally.overlapped < many * 0.8 and tally.rounds < many + TO_FAIL):
            # Once the rounds are over, until enough of them were races.
            tally.pause = PAUSE if tally.rounds < many else longer(tally.rounds - many)
            play_round(tally)
        played.append(tally)
        print(f"{name}, {label}: {tally}")
        assert tally.wrong == 0
        assert tally.deadlocks == 0
        assert not tally.surprises, tally.surprises[:5]
        assert tally.overlapped >= many * 0.8
    # Over all rounds both must have happened, or the acts never met.
    assert sum(tally.promoted for tally in played)
    assert sum(tally.refused for tally in played) or name == "another-promotion"


def tidy(w: World) -> None:
    """End what the broken rounds left live twice, so that the next begin from one state."""
    with recorded_action(actor=w.cast.risk2, **WHY):
        for promotion in Promotion.objects.filter(end__isnull=True):
            PromotionEnd.objects.create(promotion=promotion, kind="retired", reason="Next rounds")
