import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0007_help_of_fields"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="job", name="job_ended_as_its_state_says"),
        migrations.AddField(
            model_name="job",
            name="cancelled_by",
            field=models.ForeignKey(
                help_text="Null: nobody cancelled it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="governance.principal",
                verbose_name="cancelled by",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Waiting"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="queued",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at", None), ("state__in", ("queued", "running")))
                | models.Q(("ended_at__isnull", False), ("state__in", ("done", "failed", "cancelled"))),
                name="job_ended_as_its_state_says",
            ),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.CheckConstraint(
                condition=models.Q(("cancelled_by", None), ("state", "cancelled"), _connector="OR"),
                name="job_cancelled_by_whoever_did",
            ),
        ),
    ]
