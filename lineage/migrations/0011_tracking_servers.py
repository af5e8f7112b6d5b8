"""Tracking servers of namespaces, and which of them a later fact was read from."""

import django.db.models.deletion
import simple_history.models
from django.db import migrations, models

import governance.history.fields
from governance.history.operations import Govern


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0007_help_of_fields"),
        ("lineage", "0010_link_corrections"),
    ]

    operations = [
        migrations.CreateModel(
            name="TrackingServer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("recorded_at", governance.history.fields.RecordedAtField(editable=False, verbose_name="recorded at")),
                (
                    "uri",
                    models.CharField(
                        blank=True,
                        help_text="Base address, as users write it in MLFLOW_TRACKING_URI; blank: none any more [MLflow].",
                        max_length=500,
                        verbose_name="address",
                    ),
                ),
                (
                    "namespace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tracking_servers",
                        to="governance.namespace",
                        verbose_name="namespace",
                    ),
                ),
                (
                    "recorded_by",
                    governance.history.fields.RecordedByField(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.principal",
                        verbose_name="recorded by",
                    ),
                ),
            ],
            options={
                "verbose_name": "tracking server",
                "verbose_name_plural": "tracking servers",
            },
        ),
        migrations.AddField(
            model_name="historicalmodelversioncompletion",
            name="tracking_server",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                help_text="The one it was read from; of no other way it came.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="lineage.trackingserver",
                verbose_name="tracking server",
            ),
        ),
        migrations.AddField(
            model_name="modelversioncompletion",
            name="tracking_server",
            field=models.ForeignKey(
                blank=True,
                help_text="The one it was read from; of no other way it came.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="lineage.trackingserver",
                verbose_name="tracking server",
            ),
        ),
        migrations.CreateModel(
            name="HistoricalTrackingServer",
            fields=[
                ("id", models.BigIntegerField(blank=True)),
                ("recorded_at", governance.history.fields.RecordedAtField(editable=False, verbose_name="recorded at")),
                (
                    "uri",
                    models.CharField(
                        blank=True,
                        help_text="Base address, as users write it in MLFLOW_TRACKING_URI; blank: none any more [MLflow].",
                        max_length=500,
                        verbose_name="address",
                    ),
                ),
                ("history_date", models.DateTimeField()),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                ("history_id", models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ("history_change_reason", models.TextField(verbose_name="reason")),
                ("history_user_id", models.BigIntegerField(verbose_name="actor")),
                ("action_id", models.UUIDField(db_index=True, verbose_name="action")),
                ("ledger_entry_id", models.BigIntegerField(verbose_name="ledger entry")),
                (
                    "namespace",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="governance.namespace",
                        verbose_name="namespace",
                    ),
                ),
                (
                    "recorded_by",
                    governance.history.fields.RecordedByField(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="governance.principal",
                        verbose_name="recorded by",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical tracking server",
                "verbose_name_plural": "historical tracking servers",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
                "indexes": [
                    models.Index(
                        models.F("id"),
                        models.OrderBy(models.F("history_date"), descending=True),
                        models.OrderBy(models.F("history_id"), descending=True),
                        name="lin_trackingserver_asof",
                    )
                ],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.AddIndex(
            model_name="trackingserver",
            index=models.Index(fields=["namespace", "-id"], name="tracking_server_newest"),
        ),
        migrations.AddConstraint(
            model_name="trackingserver",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("uri", ""), ("uri__regex", "^https?://[^[:space:][:cntrl:]?#@\\\\]+$"), _connector="OR"
                ),
                name="tracking_server_uri_well_formed",
            ),
        ),
        Govern(born_final=("ModelVersionCompletion", "TrackingServer")),
    ]
