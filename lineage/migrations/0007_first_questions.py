"""The risk questions in their first wording, so that what was asked stands on record from the first intake on."""

import json

from django.db import migrations

from governance.history.operations import acting_as_migration

# As they were worded then: a copy, since the code's own wording may change.
QUESTIONS = [
    {
        "key": "legal_or_similar_effect",
        "text": "Does it decide, or weigh in, on rights, money, work or access of people?",
    },
    {"key": "safety_component", "text": "Can a wrong answer harm body, health or property?"},
    {"key": "special_category_data", "text": "Does it use special categories of personal data?"},
    {"key": "personal_data", "text": "Does it use personal data?"},
    {"key": "no_human_review", "text": "Do its answers take effect without a person's review?"},
]


def word_them(apps, schema_editor):
    with (
        acting_as_migration(schema_editor, "lineage.0007_first_questions"),
        schema_editor.connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 FROM lineage_riskquestionset")
        if cursor.fetchone() is None:
            cursor.execute(
                "INSERT INTO lineage_riskquestionset (number, questions) VALUES (1, %s::jsonb)", [json.dumps(QUESTIONS)]
            )


class Migration(migrations.Migration):
    dependencies = [("lineage", "0006_intake_and_imports")]

    operations = [migrations.RunPython(word_them, migrations.RunPython.noop)]
