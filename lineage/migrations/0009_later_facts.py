"""Later facts of model versions, and what they fill in: a digest or commit that was blank at registration."""

import django.contrib.postgres.fields
import django.db.models.deletion
import simple_history.models
from django.db import migrations, models

import governance.history.fields
from governance.history.operations import Govern


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0007_help_of_fields"),
        ("lineage", "0008_column_lineage"),
    ]

    operations = [
        migrations.CreateModel(
            name="HistoricalModelVersionCompletion",
            fields=[
                ("id", models.BigIntegerField(blank=True)),
                ("recorded_at", governance.history.fields.RecordedAtField(editable=False, verbose_name="recorded at")),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("declared", "declared by a pipeline"),
                            ("tag", "MLflow tag"),
                            ("tracking", "read from the tracking server"),
                            ("owner", "entered by a model owner"),
                            ("openlineage", "OpenLineage event"),
                        ],
                        help_text="By which way it came.",
                        max_length=12,
                        verbose_name="how it came",
                    ),
                ),
                (
                    "came_from",
                    models.CharField(
                        blank=True,
                        help_text="Where it was read: an address, a tag, a document.",
                        max_length=2000,
                        verbose_name="came from",
                    ),
                ),
                (
                    "digest_algorithm",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sha256", "SHA-256"),
                            ("sha384", "SHA-384"),
                            ("sha512", "SHA-512"),
                            ("sha3_256", "SHA3-256"),
                            ("sha3_384", "SHA3-384"),
                            ("sha3_512", "SHA3-512"),
                            ("blake2b256", "BLAKE2b-256"),
                            ("blake2b384", "BLAKE2b-384"),
                            ("blake2b512", "BLAKE2b-512"),
                            ("blake3", "BLAKE3"),
                        ],
                        help_text="Which digest; blank only while none is known [SPDX HashAlgorithm].",
                        max_length=16,
                        verbose_name="digest algorithm",
                    ),
                ),
                (
                    "digest_value",
                    models.CharField(
                        blank=True,
                        help_text="Of the artifact, lowercase hexadecimal [CDX hashes, SPDX verifiedUsing].",
                        max_length=128,
                        verbose_name="digest",
                    ),
                ),
                (
                    "code_commit",
                    models.CharField(
                        blank=True,
                        help_text="Commit of the training code [SPDX].",
                        max_length=128,
                        verbose_name="code commit",
                    ),
                ),
                (
                    "training",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        blank=True,
                        default=list,
                        help_text="Ids of dataset versions that it was trained on, as linked to the run [SPDX trainedOn].",
                        size=None,
                        verbose_name="training data",
                    ),
                ),
                (
                    "metrics",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="{name: finite number}, as reported [SPDX metric].",
                        verbose_name="metrics",
                    ),
                ),
                (
                    "parameters",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="{name: text, finite number, true, false or null} [SPDX hyperparameter].",
                        verbose_name="parameters",
                    ),
                ),
                (
                    "contradicts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        default=list,
                        editable=False,
                        help_text="Which of digest and code_commit say something else than the version; set by the database.",
                        size=None,
                        verbose_name="contradicts",
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
            ],
            options={
                "verbose_name": "historical later fact of a model version",
                "verbose_name_plural": "historical later facts of model versions",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="ModelVersionCompletion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("recorded_at", governance.history.fields.RecordedAtField(editable=False, verbose_name="recorded at")),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("declared", "declared by a pipeline"),
                            ("tag", "MLflow tag"),
                            ("tracking", "read from the tracking server"),
                            ("owner", "entered by a model owner"),
                            ("openlineage", "OpenLineage event"),
                        ],
                        help_text="By which way it came.",
                        max_length=12,
                        verbose_name="how it came",
                    ),
                ),
                (
                    "came_from",
                    models.CharField(
                        blank=True,
                        help_text="Where it was read: an address, a tag, a document.",
                        max_length=2000,
                        verbose_name="came from",
                    ),
                ),
                (
                    "digest_algorithm",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sha256", "SHA-256"),
                            ("sha384", "SHA-384"),
                            ("sha512", "SHA-512"),
                            ("sha3_256", "SHA3-256"),
                            ("sha3_384", "SHA3-384"),
                            ("sha3_512", "SHA3-512"),
                            ("blake2b256", "BLAKE2b-256"),
                            ("blake2b384", "BLAKE2b-384"),
                            ("blake2b512", "BLAKE2b-512"),
                            ("blake3", "BLAKE3"),
                        ],
                        help_text="Which digest; blank only while none is known [SPDX HashAlgorithm].",
                        max_length=16,
                        verbose_name="digest algorithm",
                    ),
                ),
                (
                    "digest_value",
                    models.CharField(
                        blank=True,
                        help_text="Of the artifact, lowercase hexadecimal [CDX hashes, SPDX verifiedUsing].",
                        max_length=128,
                        verbose_name="digest",
                    ),
                ),
                (
                    "code_commit",
                    models.CharField(
                        blank=True,
                        help_text="Commit of the training code [SPDX].",
                        max_length=128,
                        verbose_name="code commit",
                    ),
                ),
                (
                    "training",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        blank=True,
                        default=list,
                        help_text="Ids of dataset versions that it was trained on, as linked to the run [SPDX trainedOn].",
                        size=None,
                        verbose_name="training data",
                    ),
                ),
                (
                    "metrics",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="{name: finite number}, as reported [SPDX metric].",
                        verbose_name="metrics",
                    ),
                ),
                (
                    "parameters",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="{name: text, finite number, true, false or null} [SPDX hyperparameter].",
                        verbose_name="parameters",
                    ),
                ),
                (
                    "contradicts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        default=list,
                        editable=False,
                        help_text="Which of digest and code_commit say something else than the version; set by the database.",
                        size=None,
                        verbose_name="contradicts",
                    ),
                ),
            ],
            options={
                "verbose_name": "later fact of a model version",
                "verbose_name_plural": "later facts of model versions",
                "ordering": ("id",),
            },
        ),
        migrations.RemoveConstraint(
            model_name="modelversion",
            name="model_version_content_unique",
        ),
        migrations.RemoveConstraint(
            model_name="modelversion",
            name="model_version_artifact_unique",
        ),
        migrations.AddField(
            model_name="historicalmodelversion",
            name="filled_later",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=16),
                blank=True,
                default=list,
                editable=False,
                help_text="Which of digest and code_commit were blank at registration and filled in by a later record.",
                size=None,
                verbose_name="filled in later",
            ),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="filled_later",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=16),
                blank=True,
                default=list,
                editable=False,
                help_text="Which of digest and code_commit were blank at registration and filled in by a later record.",
                size=None,
                verbose_name="filled in later",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    models.Q(("digest_value", ""), _negated=True),
                    models.Q(("filled_later__contains", ["digest"]), _negated=True),
                ),
                fields=("model", "digest_algorithm", "digest_value", "source_run"),
                name="model_version_content_unique",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("digest_value", ""), ("filled_later__contains", ["digest"]), _connector="OR"),
                fields=("model", "artifact_uri", "source_run"),
                name="model_version_artifact_unique",
                nulls_distinct=False,
            ),
        ),
        migrations.AddField(
            model_name="historicalmodelversioncompletion",
            name="model_version",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="lineage.modelversion",
                verbose_name="model version",
            ),
        ),
        migrations.AddField(
            model_name="historicalmodelversioncompletion",
            name="recorded_by",
            field=governance.history.fields.RecordedByField(
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
        migrations.AddField(
            model_name="historicalmodelversioncompletion",
            name="run",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                help_text="The run that it came out of, where this record linked it or its data.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="lineage.run",
                verbose_name="run",
            ),
        ),
        migrations.AddField(
            model_name="modelversioncompletion",
            name="model_version",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="completions",
                to="lineage.modelversion",
                verbose_name="model version",
            ),
        ),
        migrations.AddField(
            model_name="modelversioncompletion",
            name="recorded_by",
            field=governance.history.fields.RecordedByField(
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="governance.principal",
                verbose_name="recorded by",
            ),
        ),
        migrations.AddField(
            model_name="modelversioncompletion",
            name="run",
            field=models.ForeignKey(
                blank=True,
                help_text="The run that it came out of, where this record linked it or its data.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="lineage.run",
                verbose_name="run",
            ),
        ),
        migrations.AddIndex(
            model_name="historicalmodelversioncompletion",
            index=models.Index(
                models.F("id"),
                models.OrderBy(models.F("history_date"), descending=True),
                models.OrderBy(models.F("history_id"), descending=True),
                name="lin_modelversioncompletio_asof",
            ),
        ),
        migrations.AddIndex(
            model_name="modelversioncompletion",
            index=models.Index(fields=["model_version", "id"], name="completion_of_version_idx"),
        ),
        migrations.AddConstraint(
            model_name="modelversioncompletion",
            constraint=models.CheckConstraint(
                condition=models.Q(("how__in", ["declared", "tag", "tracking", "owner", "openlineage"])),
                name="completion_origin_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelversioncompletion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("digest_algorithm", ""), ("digest_value", "")),
                    models.Q(
                        ("digest_algorithm__in", ["sha256", "sha3_256", "blake2b256", "blake3"]),
                        ("digest_value__regex", "^[0-9a-f]{64}$"),
                    ),
                    models.Q(
                        ("digest_algorithm__in", ["sha384", "sha3_384", "blake2b384"]),
                        ("digest_value__regex", "^[0-9a-f]{96}$"),
                    ),
                    models.Q(
                        ("digest_algorithm__in", ["sha512", "sha3_512", "blake2b512"]),
                        ("digest_value__regex", "^[0-9a-f]{128}$"),
                    ),
                    _connector="OR",
                ),
                name="completion_digest_well_formed",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelversioncompletion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("code_commit", ""), ("code_commit__regex", "^[0-9A-Za-z._/-]{1,128}$"), _connector="OR"
                ),
                name="completion_code_commit_well_formed",
            ),
        ),
        Govern(mutable=("ModelVersion",), born_final=("ModelVersionCompletion",)),
    ]
