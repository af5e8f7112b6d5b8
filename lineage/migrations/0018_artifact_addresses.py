from django.contrib.postgres.indexes import HashIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("lineage", "0017_models_by_tier"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="modelversion",
            index=HashIndex(fields=["artifact_uri"], name="model_version_artifact_idx"),
        ),
    ]
