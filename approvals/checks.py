"""Checks of data that run by themselves: which profile is asked what, against which baseline; the job that does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.actions.checks import Compared, record_check
from approvals.models import BaselineReason, DataCheck, Promotion, Slot
from approvals.queries import EvidenceVerdict
from governance.accounts.actions.system import load_system_principal
from governance.accounts.models import Principal
from governance.api.views import readable
from governance.jobs import Run, ask, job
from governance.jobs.models import Job
from lineage.models import DataProfile, DatasetVersion, ExpectationSet
from lineage.quality.records import NEEDED, best_profile, profile_of

CHECK = "data-check"
AT_ONCE = 50
"""Versions that are checked again when expectations change, the newest; older ones when somebody asks."""


def ask_for_check(*, asked_by: Principal, reason: str, profile: DataProfile, asked: ExpectationSet) -> tuple[Job, bool]:
    """Ask for a profile to be held against a set of expectations; the job, and whether it is new."""
    return ask(
        CHECK, asked_by=asked_by, reason=reason, params={"profile": profile.pk, "expectation_set": asked.pk},
        key=f"profile:{profile.pk}:{asked.pk}",
    )  # fmt: skip


def may_read(reader: Principal, params: Mapping[str, Any]) -> bool:
    """Whoever may read the profile."""
    return readable(DataProfile, reader).filter(pk=params["profile"]).exists()


@job(CHECK, title=gettext_lazy("Check of a dataset version"), may_read=may_read)
def run_check(run: Run) -> None:
    """Hold a profile against a set of expectations, and put on record what came of it. May be done again: the same."""
    profile = DataProfile.objects.select_related(*NEEDED).get(pk=run.params["profile"])
    asked = ExpectationSet.objects.select_related("dataset").get(pk=run.params["expectation_set"])
    run.progress(0, None, _("Working out %(count)d expectations") % {"count": len(asked.items)})
    check = check_profile(profile, asked, reason=run.reason)
    run.finish(
        _("Checked."), url=f"/dataset-versions/{check.dataset_version_id}/quality", result={"data_check": check.pk}
    )


def check_profile(profile: DataProfile, asked: ExpectationSet, *, reason: str) -> DataCheck:
    """Work it out, and record it as the system."""
    from lineage.quality.checks import Data, measure  # late: scipy comes with it, and pages do without
    from lineage.quality.expectations import read_expectations

    version = profile.dataset_version
    assert version is not None  # data_profile_of_a_version
    baseline = baseline_of(version)

    def data(row: DataProfile) -> Data:
        of = row.dataset_version
        assert of is not None
        columns = tuple((str(one.get("name", "")), str(one.get("type", ""))) for one in of.schema)
        return Data(profile_of(row), of.recorded_at, of.date, columns)

    mine = data(profile)
    before = None if baseline.profile is None else data(baseline.profile)
    if before is not None and not before.profile.complete:
        baseline, before = Compared(None, BaselineReason.NONE), None
    figures = measure(read_expectations(asked.items), mine, before)
    note = _note(version, mine.profile)
    return record_check(
        actor=load_system_principal(), reason=reason, expectation_set=asked, profile=profile, baseline=baseline,
        figures=figures, note=note,
    )[0]  # fmt: skip


def _note(version: DatasetVersion, profile: Any) -> str:
    """Why nothing of a profile can be judged; "" where it can."""
    if not profile.complete:
        said = _("The profile is incomplete: a limit (%(limit)s) stopped it. Its figures are of %(rows)s rows alone.")
        return said % {"limit": profile.stopped_by, "rows": profile.rows}
    if not version.digest_value:
        return _("The version has no digest: nobody can say what was measured.")
    if profile.digest and version.digest_algorithm == "sha256" and profile.digest != f"sha256:{version.digest_value}":
        return _("The profile is of other bytes than those on record.")
    return ""


# --- the baseline ----------------------------------------------------------------------------------------------------

TRAINED_CHAMPION = """
WITH read_by AS (
  SELECT i.run_id, i.dataset_version_id FROM muniment.run_inputs i
  JOIN lineage_datasetversion v ON v.id = i.dataset_version_id
  WHERE i.role = 'training' AND v.dataset_id = %(dataset)s AND v.id <> %(version)s
), made_from AS (
  SELECT m.id, b.dataset_version_id FROM read_by b JOIN lineage_modelversion m ON m.source_run_id = b.run_id
  UNION
  SELECT o.model_version_id, b.dataset_version_id FROM read_by b JOIN muniment.run_outputs o ON o.run_id = b.run_id
  WHERE o.model_version_id IS NOT NULL
)
SELECT f.dataset_version_id, l.id IS NOT NULL FROM made_from f
JOIN approvals_release r ON r.model_version_id = f.id
JOIN approvals_promotion p ON p.release_id = r.id AND p.slot = 'champion'
JOIN approvals_environment e ON e.id = p.environment_id AND e.live_traffic
LEFT JOIN approvals_liveslot l ON l.promotion_id = p.id
ORDER BY l.id IS NULL, p.id DESC, f.dataset_version_id DESC LIMIT 1
"""


def baseline_of(version: DatasetVersion) -> Compared:
    """What drift of a version is measured against: a profile of the version of its dataset that trained what is live
    now; else what was live last; else of the newest version before it that has a profile and did not drift itself.

    Live is the champion in an environment with live traffic, the one promoted last where there are several. A champion
    trained on a version without a profile leaves nothing to compare with: another baseline would answer another
    question. A version that drifted is no stepping stone for the next one, and neither is a chain of versions, each a
    little away from the one before, once something has served.
    """
    trained = trained_champion(version)
    if trained is not None:
        champion, live = trained
        found = best_profile(DataProfile.objects.filter(dataset_version=champion))
        reason = BaselineReason.LIVE if live else BaselineReason.WAS_LIVE
        return Compared(found, reason if found else BaselineReason.NONE)
    earlier = DataProfile.objects.filter(dataset_version__dataset=version.dataset_id, dataset_version__lt=version.pk)
    checks = DataCheck.objects.filter(dataset_version=OuterRef("dataset_version"), drift__isnull=False).order_by("-pk")
    drifted = Subquery(checks.annotate(verdict=EvidenceVerdict(F("drift"))).values("verdict")[:1])
    steady = earlier.annotate(drifted=drifted).filter(Q(drifted=None) | ~Q(drifted="bad"))
    newest = steady.order_by("-dataset_version").values_list("dataset_version", flat=True).first()
    if newest is None:
        return Compared(None, BaselineReason.NONE)
    return Compared(best_profile(earlier.filter(dataset_version=newest)), BaselineReason.PREVIOUS)


def trained_champion(version: DatasetVersion) -> tuple[int, bool] | None:
    """The id of another version of its dataset that trained a champion, and whether that is live: the one live that was
    promoted last, else the one that was; None: none ever served."""
    with connection.cursor() as cursor:
        cursor.execute(TRAINED_CHAMPION, {"dataset": version.dataset_id, "version": version.pk})
        row = cursor.fetchone()
    return None if row is None else (int(row[0]), bool(row[1]))


# --- what is asked when ----------------------------------------------------------------------------------------------


def newest_expectations(dataset: int) -> ExpectationSet | None:
    """What is expected of a dataset's versions now."""
    return ExpectationSet.objects.filter(dataset=dataset).order_by("-pk").first()


def ask_of_profile(profile: DataProfile, *, reason: str) -> None:
    """A job that holds a profile against what is expected now; none where nothing is."""
    assert profile.dataset_version is not None  # data_profile_of_a_version
    asked = newest_expectations(profile.dataset_version.dataset_id)
    if asked is not None:
        ask_for_check(asked_by=load_system_principal(), reason=reason, profile=profile, asked=asked)


def ask_of_versions(asked: ExpectationSet, *, reason: str, after: int = 0) -> None:
    """A job for each of the newest versions that has a profile; `after`: only those registered after that one."""
    with_profile = DataProfile.objects.filter(dataset_version__dataset=asked.dataset_id, dataset_version__gt=after)
    versions = with_profile.order_by("-dataset_version").values_list("dataset_version", flat=True).distinct()[:AT_ONCE]
    for version in reversed(versions):  # the oldest first: one that drifted is no baseline of the next
        profile = best_profile(with_profile.filter(dataset_version=version))
        assert profile is not None
        ask_for_check(asked_by=load_system_principal(), reason=reason, profile=profile, asked=asked)


def ask_against_what_is_live(promotion: Promotion, *, reason: str) -> None:
    """Jobs for what was registered after the data of a version that went live: that is their baseline from now on."""
    if promotion.slot != Slot.CHAMPION or not promotion.environment.live_traffic:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT unnest(muniment.training_of(%s))", [promotion.release.model_version_id])
        trained = DatasetVersion.objects.filter(pk__in=[pk for (pk,) in cursor.fetchall()])
    for version in trained:
        asked = newest_expectations(version.dataset_id)
        if asked is not None:
            ask_of_versions(asked, reason=reason, after=version.pk)


# --- reading ---------------------------------------------------------------------------------------------------------


def checks_with_verdicts(checks: QuerySet[DataCheck]) -> QuerySet[Any]:
    """Checks with `quality_verdict` and `drift_verdict`: good, bad or reported; None where no such evidence is."""
    return checks.select_related("expectation_set__dataset__namespace").annotate(
        quality_verdict=Case(When(quality__isnull=False, then=EvidenceVerdict(F("quality")))),
        drift_verdict=Case(When(drift__isnull=False, then=EvidenceVerdict(F("drift")))),
    )


def standing_of(version: DatasetVersion) -> dict[str, Any]:
    """How a version stands to what is expected now: which profile would be held against what, and whether it was."""
    asked = newest_expectations(version.dataset_id)
    profile = best_profile(DataProfile.objects.filter(dataset_version=version))
    baseline = baseline_of(version)
    checked = (
        asked is not None
        and profile is not None
        and DataCheck.objects.filter(expectation_set=asked, profile=profile).exists()
    )
    if asked is None:
        message = _("Nothing is expected of this dataset: record expectations, and every profile is held against them.")
    elif profile is None:
        message = _("There is no profile: what is expected was not looked at. Measure one.")
    elif checked:
        message = _("Its profile was held against what is expected now.")
    else:
        message = _("Its profile is waiting to be held against what is expected.")
    return {
        "expectation_set": asked and asked.pk, "profile": profile and profile.pk,
        "baseline": baseline.profile and baseline.profile.pk, "baseline_reason": baseline.reason, "checked": checked,
        "message": message,
    }  # fmt: skip
