from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lineage", "0016_profiles"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="model",
            index=models.Index(fields=["namespace", "risk_tier"], name="model_by_tier"),
        ),
    ]
