"""Bodies and answers of answering on many columns at once."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from governance.api.fields import ExactJSONField, TextField
from governance.api.serializers import ReceiptSerializer, StrictSerializer, WriteSerializer
from lineage.actions.flag_answers import ANSWERS_LIMIT
from lineage.api.fields import WordField, terms_list
from lineage.models import Assessment, CollectedAs, Presence, RegulationSet, Treatment


class FlagAnswerSerializer(StrictSerializer):
    """One answer of many."""

    column = WordField(help_text=_("Column it is about; left out: the whole version [OL field]."))
    category = TextField(max_length=256)
    present = serializers.ChoiceField(Presence.choices)
    assessment = serializers.ChoiceField(Assessment.choices, required=False)
    regulation_sets = serializers.ListField(
        child=serializers.ChoiceField(RegulationSet.choices), required=False, max_length=6
    )
    special_category = serializers.BooleanField(required=False)
    collected_as = serializers.ChoiceField(CollectedAs.choices, required=False)
    data_subjects = terms_list(_("Whom it is about, such as dpv:Patient [DPV DataSubject]."))
    treatment = serializers.ChoiceField(Treatment.choices, required=False)
    treatment_tool = WordField()
    treatment_parameters = ExactJSONField(kind=dict, required=False)
    excluded_from_training = serializers.BooleanField(required=False)
    in_force = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text=_("Id of the answer this one was given upon, 0 for none: refused if another is in force by now."),
    )


class FlagAnswersWriteSerializer(WriteSerializer):
    """Answers on many columns and categories of one dataset version: all of them are recorded, or none."""

    answers = serializers.ListField(child=FlagAnswerSerializer(), min_length=1, max_length=ANSWERS_LIMIT)


class AnsweredSerializer(serializers.Serializer[Any]):
    """What became of one answer."""

    flag = serializers.IntegerField(source="record.pk", help_text=_("Id of the flag in force now."))
    column = serializers.CharField(source="record.column")
    category = serializers.CharField(source="record.category")
    present = serializers.ChoiceField(Presence.choices, source="record.present")
    created = serializers.BooleanField(help_text=_("false: the same answer was in force already."))


class FlagAnswersSerializer(serializers.Serializer[Any]):
    """What became of the answers, in their order."""

    created = serializers.IntegerField(help_text=_("How many were recorded."))
    unchanged = serializers.IntegerField(help_text=_("How many were in force already, word for word."))
    results = AnsweredSerializer(many=True)
    receipt = ReceiptSerializer(
        allow_null=True, help_text=_("Of the first one recorded; all share its action_id. null: nothing was new.")
    )
