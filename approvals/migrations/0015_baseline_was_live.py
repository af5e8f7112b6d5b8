from django.db import migrations, models
from django.db.models import Q

from governance.history.operations import Govern

REASONS = [
    ("live", "trained the live champion"),
    ("was_live", "trained the champion that was live last"),
    ("previous", "the version before"),
    ("none", "nothing to compare with"),
]
HELP = (
    "live: it trained the champion in an environment with live traffic; was_live: the one that was live there last;"
    " previous: the version before, of those that did not drift themselves."
)


class Migration(migrations.Migration):
    dependencies = [("approvals", "0014_change_plans")]

    operations = [
        migrations.RemoveConstraint(model_name="datacheck", name="data_check_baseline_reason"),
        *(
            migrations.AlterField(
                model_name=model,
                name="baseline_reason",
                field=models.CharField(
                    choices=REASONS, help_text=HELP, max_length=10, verbose_name="why that baseline"
                ),
            )
            for model in ("historicaldatacheck", "datacheck")
        ),
        migrations.AddConstraint(
            model_name="datacheck",
            constraint=models.CheckConstraint(
                condition=Q(baseline_reason__in=["live", "was_live", "previous"], baseline__isnull=False)
                | Q(baseline_reason="none", baseline__isnull=True),
                name="data_check_baseline_reason",
            ),
        ),
        Govern(born_final=("DataCheck",)),
    ]
