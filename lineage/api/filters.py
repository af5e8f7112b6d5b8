"""Query parameters of the lists."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from governance.api.fields import IdField
from governance.api.serializers import FilterSerializer
from lineage.models import Assessment, LinkCorrection, Presence, RiskTier, RunState


class HexField(serializers.CharField):
    """A digest to look for, with or without its algorithm in front."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=160, required=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The hexadecimal part."""
        return str(super().to_internal_value(data)).rpartition(":")[2].lower()


def _name(source: str | None = None) -> serializers.CharField:
    return serializers.CharField(max_length=256, required=False, source=source)


class DatasetFilters(FilterSerializer):
    """Of datasets."""

    namespace = _name("namespace__name")
    name = _name()


class DatasetVersionFilters(FilterSerializer):
    """Of dataset versions."""

    namespace = _name("dataset__namespace__name")
    dataset = IdField(source="dataset_id", required=False)
    dataset_name = _name("dataset__name")
    digest = HexField(source="digest_value")
    run = IdField(source="output_of__run_id", required=False, help_text="The run that produced it.")


class TermsFilters(FilterSerializer):
    """Of terms."""

    namespace = _name("dataset__namespace__name")
    dataset = IdField(source="dataset_id", required=False)
    dataset_name = _name("dataset__name")


class FlagFilters(FilterSerializer):
    """Of flags."""

    namespace = _name("dataset_version__dataset__namespace__name")
    dataset = IdField(source="dataset_version__dataset_id", required=False)
    dataset_version = IdField(source="dataset_version_id", required=False)
    present = serializers.ChoiceField(Presence.choices, required=False)
    assessment = serializers.ChoiceField(Assessment.choices, required=False)


class RunFilters(FilterSerializer):
    """Of runs."""

    namespace = _name("namespace__name")
    job_name = _name()
    run_key = _name()
    state = serializers.ChoiceField(RunState.choices, required=False)


class ColumnLineageFilters(FilterSerializer):
    """Of column lineage."""

    namespace = _name("run__namespace__name")
    run = IdField(source="run_id", required=False)
    source = IdField(source="source_id", required=False, help_text="The dataset version a column was made from.")  # type: ignore[assignment]  # a field of its own
    target = IdField(source="target_id", required=False, help_text="The dataset version a column was made for.")
    source_column = _name()
    target_column = _name()


class LinkCorrectionFilters(FilterSerializer):
    """Of corrections of links."""

    namespace = _name("run__namespace__name")
    run = IdField(source="run_id", required=False)
    kind = serializers.ChoiceField(LinkCorrection.Kind.choices, required=False)


class ModelFilters(FilterSerializer):
    """Of models."""

    namespace = _name("namespace__name")
    name = _name()
    risk_tier = serializers.ChoiceField(RiskTier.choices, required=False)


class ModelVersionFilters(FilterSerializer):
    """Of model versions."""

    namespace = _name("model__namespace__name")
    model = IdField(source="model_id", required=False)
    model_name = _name("model__name")
    number = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    digest = HexField(source="digest_value")
    source_run = IdField(source="source_run_id", required=False)
    archived = serializers.BooleanField(
        source="is_archived", required=False, help_text=_("true: put away; false: those to choose from.")
    )


class RecallFilters(FilterSerializer):
    """Of recalls."""

    digest = HexField(source="digest_value")
