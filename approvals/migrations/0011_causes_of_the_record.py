from django.db import migrations, models

from governance.history.operations import Govern

CAUSES = [
    ("terms_withdrawn", "terms withdrawn"),
    ("terms_narrowed", "terms narrowed"),
    ("flag_raised", "sensitive data found"),
    ("source_recalled", "source recalled"),
    ("evidence_failed", "evidence failed"),
    ("finding_raised", "blocking finding raised"),
    ("review_overdue", "review overdue"),
    ("digest_contradicted", "other bytes found where the artifact lies"),
    ("lineage_corrected", "lineage corrected"),
    ("use_changed", "put to another use"),
]
OF = "Withdrawal, terms, flag, recall, evidence, finding, review, reading, correction or model, by cause."


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0010_data_checks"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="servingnotice", name="serving_notice_cause_known"),
        *(
            migrations.AlterField(
                model_name=model,
                name="cause",
                field=models.CharField(choices=CAUSES, max_length=20, verbose_name="cause"),
            )
            for model in ("historicalservingnotice", "servingnotice")
        ),
        *(
            migrations.AlterField(
                model_name=model,
                name="cause_id",
                field=models.BigIntegerField(help_text=OF, verbose_name="record that is the cause"),
            )
            for model in ("historicalservingnotice", "servingnotice")
        ),
        migrations.AddConstraint(
            model_name="servingnotice",
            constraint=models.CheckConstraint(
                condition=models.Q(("cause__in", [value for value, _label in CAUSES])),
                name="serving_notice_cause_known",
            ),
        ),
        Govern(born_final=("ServingNotice",)),
    ]
