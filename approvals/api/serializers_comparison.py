"""The comparison of a release as the API answers it."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.comparison.data import DataCompared, FlagChanged, Renewed, TermsChanged
from approvals.comparison.measured import Point, Row
from approvals.comparison.sides import BASELINE, CANDIDATE, LIVE, Side
from approvals.pages.evidence import plain
from lineage.models import DatasetVersion, SensitivityFlag

ROLES = (CANDIDATE, LIVE, BASELINE)
#: What a release is compared with: all sides but its own.
OTHERS = ROLES[1:]


class SideSerializer(serializers.Serializer[Side]):
    """One of the versions compared."""

    role = serializers.ChoiceField(choices=ROLES)
    model_version = serializers.IntegerField(source="version.pk")
    number = serializers.IntegerField(source="version.number")
    digest = serializers.SerializerMethodField(help_text=_("algorithm:hex; blank where none is on record."))
    why = serializers.CharField(help_text=_("Why it stands here, in words."))
    since = serializers.DateTimeField(help_text=_("From when on its data, terms and flags are taken."))

    def get_digest(self, side: Side) -> str:
        """Of the artifact."""
        version = side.version
        return f"{version.digest_algorithm}:{version.digest_value}" if version.digest_value else ""


class PointSerializer(serializers.Serializer[Point]):
    """A value with its interval."""

    role = serializers.ChoiceField(choices=ROLES)
    value = serializers.CharField(source="says")
    ci_low = serializers.SerializerMethodField()
    ci_high = serializers.SerializerMethodField()
    evidence = serializers.IntegerField(help_text=_("Id of the evidence."))

    def get_ci_low(self, point: Point) -> str | None:
        """Interval from."""
        return None if point.low is None else plain(point.low)

    def get_ci_high(self, point: Point) -> str | None:
        """Interval to."""
        return None if point.high is None else plain(point.high)


class MetricSerializer(serializers.Serializer[Row]):
    """One metric under one plan, of the candidate and of others."""

    plan = serializers.CharField()
    metric = serializers.CharField()
    slice = serializers.CharField()
    dataset_role = serializers.CharField()
    unit = serializers.CharField()
    asked = serializers.CharField(help_text=_("The plan's bound, such as ≥ 0.9; blank: none."))
    points = serializers.SerializerMethodField()
    against = serializers.ChoiceField(choices=OTHERS, help_text=_("What the difference is to."))
    difference = serializers.SerializerMethodField(help_text=_("Of the candidate less the other, exactly."))
    better = serializers.BooleanField(allow_null=True, help_text=_("By the plan's bound; null: equal, or it has none."))
    intervals_apart = serializers.BooleanField(
        source="apart", allow_null=True, help_text=_("Whether the intervals do not overlap; null: not both have one.")
    )

    def get_points(self, row: Row) -> list[dict[str, Any]]:
        """The candidate's first."""
        return [dict(PointSerializer(row.points[one]).data) for one in ROLES if one in row.points]

    def get_difference(self, row: Row) -> str:
        """As text: JSON numbers lose digits."""
        return plain(row.difference)


class ComparedVersionSerializer(serializers.Serializer[DatasetVersion]):
    """A dataset version."""

    dataset = serializers.CharField(source="dataset.name")
    dataset_version = serializers.IntegerField(source="pk")
    label = serializers.CharField()  # type: ignore[assignment]  # a field of its own
    rows = serializers.IntegerField(allow_null=True)


class RenewedSerializer(serializers.Serializer[Renewed]):
    """A dataset of which another version went in."""

    before = ComparedVersionSerializer()
    after = ComparedVersionSerializer()
    columns = serializers.ListField(child=serializers.CharField(), help_text=_("Changes of its schema, in words."))


class ComparedChangeSerializer(serializers.Serializer[Any]):
    """One field of terms."""

    field = serializers.CharField()
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()
    effect = serializers.CharField(help_text=_("wider, narrower, mixed or neutral."))

    def get_before(self, change: Any) -> str:
        """As text."""
        return _as_text(change.before)

    def get_after(self, change: Any) -> str:
        """As text."""
        return _as_text(change.after)


class TermsChangedSerializer(serializers.Serializer[TermsChanged]):
    """A dataset whose terms are not those of then."""

    dataset = serializers.CharField(source="dataset.name")
    before = serializers.IntegerField(source="before.number", default=None, allow_null=True)
    after = serializers.IntegerField(source="after.number", default=None, allow_null=True)
    changes = ComparedChangeSerializer(many=True)


class ComparedFlagSerializer(serializers.Serializer[SensitivityFlag]):
    """An answer on sensitive data."""

    flag = serializers.IntegerField(source="pk")
    present = serializers.CharField()
    special_category = serializers.BooleanField()
    treatment = serializers.CharField()
    excluded_from_training = serializers.BooleanField()
    assessment = serializers.CharField()


class FlagChangedSerializer(serializers.Serializer[FlagChanged]):
    """A column and category whose answer is otherwise."""

    dataset = serializers.CharField(source="version.dataset.name")
    dataset_version = serializers.IntegerField(source="version.pk")
    column = serializers.CharField()
    category = serializers.CharField()
    before = ComparedFlagSerializer(allow_null=True)
    after = ComparedFlagSerializer(allow_null=True)


class DataComparedSerializer(serializers.Serializer[DataCompared]):
    """Training data at any distance."""

    added = ComparedVersionSerializer(many=True)
    removed = ComparedVersionSerializer(many=True)
    renewed = RenewedSerializer(many=True)
    same = serializers.IntegerField(help_text=_("Datasets of which the same version went in."))


class SettingSerializer(serializers.Serializer[Any]):
    """A parameter that is otherwise; null: not set."""

    name = serializers.CharField()
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class ReleaseComparisonSerializer(serializers.Serializer[Any]):
    """A release beside what serves in its place and beside its baseline. Lists name at most 50 entries."""

    release = serializers.IntegerField(source="release.pk")
    sides = SideSerializer(source="sides.all", many=True)
    compared_with = serializers.ChoiceField(
        source="other.role", choices=OTHERS, default=None, allow_null=True,
        help_text=_("What data, terms, flags and code are compared with."),
    )  # fmt: skip
    metrics = MetricSerializer(source="measurements.rows", many=True)
    drift = serializers.SerializerMethodField(help_text=_("Ids of the newest drift evidence on its data."))
    data = DataComparedSerializer()  # type: ignore[assignment]  # a field of its own
    terms = TermsChangedSerializer(source="data.terms", many=True)
    flags = FlagChangedSerializer(source="data.flags", many=True)
    code_commit = serializers.SerializerMethodField(help_text=_("[before, now]; null: the same."))
    parameters = SettingSerializer(many=True)
    features_added = serializers.ListField(child=serializers.CharField())
    features_removed = serializers.ListField(child=serializers.CharField())
    not_compared = serializers.ListField(child=serializers.CharField(), help_text=_("What could not be, and why."))

    def get_drift(self, found: Any) -> list[int]:
        """Newest first."""
        return [one.id for one in found.measurements.drift]

    def get_code_commit(self, found: Any) -> list[str] | None:
        """Blank where none is on record."""
        return list(found.commit) if found.commit else None


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
