from django.db import migrations, models

from governance.history.operations import Govern


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0008_cancelled_jobs"),
        ("lineage", "0015_personal"),
    ]

    operations = [
        migrations.AddField(
            model_name="dataprofile",
            name="complete",
            field=models.BooleanField(
                default=True,
                help_text="Whether all rows and columns were counted; else from the beginning.",
                verbose_name="complete",
            ),
        ),
        migrations.AddField(
            model_name="dataprofile",
            name="duplicate_rows",
            field=models.BigIntegerField(
                blank=True,
                help_text="Rows equal to one before them; blank: not counted.",
                null=True,
                verbose_name="repeated rows",
            ),
        ),
        migrations.AddField(
            model_name="dataprofile",
            name="engine",
            field=models.CharField(
                blank=True,
                help_text="What counted, such as duckdb 2.0.0; blank: not said.",
                max_length=100,
                verbose_name="engine",
            ),
        ),
        migrations.AddField(
            model_name="dataprofile",
            name="file_digest",
            field=models.CharField(
                blank=True,
                help_text="Of the bytes that were read, algorithm:hexadecimal; blank: not said.",
                max_length=160,
                verbose_name="digest of the file",
            ),
        ),
        migrations.AddField(
            model_name="dataprofile",
            name="format",
            field=models.CharField(
                blank=True, help_text="csv, parquet or jsonl; blank: not said.", max_length=16, verbose_name="format"
            ),
        ),
        migrations.AddField(
            model_name="dataprofile",
            name="how",
            field=models.CharField(
                choices=[
                    ("reported", "reported by a producer"),
                    ("handed-in", "measured elsewhere and handed in"),
                    ("measured", "measured by Muniment"),
                ],
                default="reported",
                help_text="reported: said by a producer [OL]; handed-in: measured where the data lies, on the word of whoever recorded it; measured: by a worker of Muniment's, from bytes that have the version's digest.",
                max_length=16,
                verbose_name="how it came",
            ),
        ),
        migrations.AddField(
            model_name="dataprofile",
            name="rules",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Rules of the expectations, evaluated while it was read: [{expression, checked, failed, error}], counts in rows.",
                verbose_name="rules",
            ),
        ),
        migrations.AddField(
            model_name="dataprofile",
            name="stopped_by",
            field=models.CharField(
                blank=True,
                help_text="The limit that ended it: rows, seconds, memory, columns or bytes; blank: none.",
                max_length=16,
                verbose_name="stopped by",
            ),
        ),
        migrations.AddField(
            model_name="historicaldataprofile",
            name="complete",
            field=models.BooleanField(
                default=True,
                help_text="Whether all rows and columns were counted; else from the beginning.",
                verbose_name="complete",
            ),
        ),
        migrations.AddField(
            model_name="historicaldataprofile",
            name="duplicate_rows",
            field=models.BigIntegerField(
                blank=True,
                help_text="Rows equal to one before them; blank: not counted.",
                null=True,
                verbose_name="repeated rows",
            ),
        ),
        migrations.AddField(
            model_name="historicaldataprofile",
            name="engine",
            field=models.CharField(
                blank=True,
                help_text="What counted, such as duckdb 2.0.0; blank: not said.",
                max_length=100,
                verbose_name="engine",
            ),
        ),
        migrations.AddField(
            model_name="historicaldataprofile",
            name="file_digest",
            field=models.CharField(
                blank=True,
                help_text="Of the bytes that were read, algorithm:hexadecimal; blank: not said.",
                max_length=160,
                verbose_name="digest of the file",
            ),
        ),
        migrations.AddField(
            model_name="historicaldataprofile",
            name="format",
            field=models.CharField(
                blank=True, help_text="csv, parquet or jsonl; blank: not said.", max_length=16, verbose_name="format"
            ),
        ),
        migrations.AddField(
            model_name="historicaldataprofile",
            name="how",
            field=models.CharField(
                choices=[
                    ("reported", "reported by a producer"),
                    ("handed-in", "measured elsewhere and handed in"),
                    ("measured", "measured by Muniment"),
                ],
                default="reported",
                help_text="reported: said by a producer [OL]; handed-in: measured where the data lies, on the word of whoever recorded it; measured: by a worker of Muniment's, from bytes that have the version's digest.",
                max_length=16,
                verbose_name="how it came",
            ),
        ),
        migrations.AddField(
            model_name="historicaldataprofile",
            name="rules",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Rules of the expectations, evaluated while it was read: [{expression, checked, failed, error}], counts in rows.",
                verbose_name="rules",
            ),
        ),
        migrations.AddField(
            model_name="historicaldataprofile",
            name="stopped_by",
            field=models.CharField(
                blank=True,
                help_text="The limit that ended it: rows, seconds, memory, columns or bytes; blank: none.",
                max_length=16,
                verbose_name="stopped by",
            ),
        ),
        migrations.AlterField(
            model_name="dataprofile",
            name="columns",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="By name, as the profile's document has them (docs/profiles.md); as reported: [{name, count, nulls, distinct, sum, min, max, quantiles: {'0.5': number}}], each but the name only where it was measured [OL columnMetrics].",
                verbose_name="columns",
            ),
        ),
        migrations.AlterField(
            model_name="historicaldataprofile",
            name="columns",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="By name, as the profile's document has them (docs/profiles.md); as reported: [{name, count, nulls, distinct, sum, min, max, quantiles: {'0.5': number}}], each but the name only where it was measured [OL columnMetrics].",
                verbose_name="columns",
            ),
        ),
        migrations.AddConstraint(
            model_name="dataprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(("how__in", ["reported", "handed-in", "measured"])), name="data_profile_how_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="dataprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("file_digest", ""), ("how", "reported")),
                    models.Q(
                        ("event__isnull", True),
                        ("how__in", ["handed-in", "measured"]),
                        ("rows__isnull", False),
                        models.Q(("file_digest", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="data_profile_of_bytes",
            ),
        ),
        migrations.AddConstraint(
            model_name="dataprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("complete", True), ("stopped_by", "")),
                    models.Q(
                        ("complete", False), ("stopped_by__in", ["rows", "seconds", "memory", "columns", "bytes"])
                    ),
                    _connector="OR",
                ),
                name="data_profile_stopped_by",
            ),
        ),
        migrations.AddConstraint(
            model_name="dataprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(("duplicate_rows__isnull", True), ("duplicate_rows__gte", 0), _connector="OR"),
                name="data_profile_repeats",
            ),
        ),
        Govern(born_final=("DataProfile",)),
    ]
