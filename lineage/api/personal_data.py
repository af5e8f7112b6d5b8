"""The end point of finds: what was seen by looking at data, masked, and the flag that came of it."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from governance.api.fields import IdField
from governance.api.serializers import FilterSerializer, StrictModelSerializer
from governance.api.views import RecordViewSet
from lineage.models import PersonalDataFind


class PersonalDataFindSerializer(StrictModelSerializer):
    """A pattern of personal data that a column's name or values match."""

    namespace = serializers.CharField(source="dataset_version.dataset.namespace.name", read_only=True)
    dataset_name = serializers.CharField(source="dataset_version.dataset.name", read_only=True)

    class Meta:
        model = PersonalDataFind
        fields = (
            *("id", "namespace", "dataset_name", "dataset_version", "profile", "flag", "column", "pattern", "category"),
            *("looked_at", "matched", "by_name", "examples", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class PersonalDataFindFilters(FilterSerializer):
    """Of finds."""

    namespace = serializers.CharField(
        max_length=256, required=False, source="dataset_version__dataset__namespace__name"
    )
    dataset = IdField(required=False, source="dataset_version__dataset_id")
    dataset_version = IdField(required=False, source="dataset_version_id")
    profile = IdField(required=False, source="profile_id")
    flag = IdField(required=False, source="flag_id", help_text=_("Those that raised a flag or met it."))
    pattern = serializers.CharField(max_length=64, required=False)


class PersonalDataFindViewSet(RecordViewSet):
    """Finds of personal data, masked: the evidence that flags of the assessment `detected` rest on."""

    collection = "personal-data-finds"
    model = PersonalDataFind
    related = ("dataset_version__dataset__namespace",)
    orderings = ("id", "recorded_at")
    search_fields = ("column", "pattern", "dataset_version__dataset__name")
    serializer_class = PersonalDataFindSerializer
    filter_class = PersonalDataFindFilters
