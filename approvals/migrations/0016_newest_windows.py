from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0015_baseline_was_live")]

    operations = [
        migrations.RemoveIndex(model_name="evidence", name="evidence_of_promotion"),
        migrations.AddIndex(
            model_name="evidence",
            index=models.Index(fields=["promotion", "plan", "recorded_by", "id"], name="evidence_of_promotion_by"),
        ),
        migrations.AddIndex(
            model_name="monitoringwindow",
            index=models.Index(
                fields=["promotion", "plan", "recorded_by", "verdict", "evidence"], name="monitoring_window_recorded"
            ),
        ),
        migrations.AddIndex(
            model_name="monitoringwindow",
            index=models.Index(
                fields=["promotion", "plan", "recorded_by", "verdict", "window_end", "evidence"],
                name="monitoring_window_by_end",
            ),
        ),
    ]
