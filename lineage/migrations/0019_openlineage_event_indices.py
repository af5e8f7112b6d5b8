import django.db.models.deletion
from django.db import migrations, models

import governance.history.fields
from governance.history.operations import Govern


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0008_cancelled_jobs"),
        ("lineage", "0018_artifact_addresses"),
    ]

    operations = [
        migrations.AlterField(
            model_name="openlineageevent",
            name="namespace",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="governance.namespace",
                verbose_name="namespace",
            ),
        ),
        migrations.AlterField(
            model_name="openlineageevent",
            name="recorded_by",
            field=governance.history.fields.RecordedByField(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="governance.principal",
                verbose_name="recorded by",
            ),
        ),
        Govern(born_final=("OpenLineageEvent",)),
    ]
