"""Runs, and what went in and came out."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel, GovernedModel
from lineage.models.datasets import DatasetVersion
from lineage.models.fields import NAME_PATTERN

ANY_VERSION_KEY = "any-version-"
"""With a dataset's id: the run that makes "any version" of it out of its versions (lineage/openlineage/naming.py)."""
MODEL_VERSION_KEY = "model version "
"""With its id: the run that a version came out of which named none (lineage/actions/completions.py)."""
OWN_KEYS = (ANY_VERSION_KEY, MODEL_VERSION_KEY)
"""How the keys of the product's own runs begin. They can be guessed: 70_openlineage.sql keeps others away."""


def kept_key() -> str:
    """What is said to others who use such a key."""
    kept = ", ".join(f'"{one}…"' for one in OWN_KEYS)
    return gettext("Muniment keeps %(kept)s for runs of its own. Send another key.") % {"kept": kept}


class RunState(models.TextChoices):
    """Where a run stands [OL eventType]. Running may become any of the others; the others are final."""

    RUNNING = "running", _("running")
    COMPLETE = "complete", _("complete")
    FAILED = "failed", _("failed")
    ABORTED = "aborted", _("aborted")


class RunRole(models.TextChoices):
    """What a dataset or model was in a run."""

    TRAINING = "training", _("training")
    VALIDATION = "validation", _("validation")
    TEST = "test", _("test")
    BASELINE = "baseline", _("baseline")
    SOURCE = "source", _("source")
    OUTPUT = "output", _("output")


class LinkMethod(models.TextChoices):
    """How a link between run and record was made."""

    DECLARED = "declared", _("declared through the API")
    OPENLINEAGE = "openlineage", _("from an OpenLineage event")
    MLFLOW = "mlflow", _("from an MLflow client")
    INFERRED = "inferred", _("inferred from digests")


class Run(GovernedModel):
    """One execution of a job [OL job and run]. Moves forward only."""

    namespace_path = "namespace"
    updatable = ("started_at", "ended_at", "state", "source_commit")

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="runs", verbose_name=_("namespace")
    )
    job_name = models.CharField(_("job"), max_length=256, help_text=_("1 to 256 characters [OL job name]."))
    run_key = models.CharField(
        _("run key"),
        max_length=256,
        help_text=_("The producer's id of the run, unique in its namespace [OL runId]."),
    )
    source_commit = models.CharField(
        _("source commit"),
        max_length=128,
        null=True,
        blank=True,
        help_text=_("Commit of the code that ran; can be set once [OL sourceCodeLocation]."),
    )
    started_at = models.DateTimeField(
        _("started"), null=True, blank=True, help_text=_("Can be set once [OL eventTime of START].")
    )
    ended_at = models.DateTimeField(
        _("ended"), null=True, blank=True, help_text=_("Can be set once, with the final state [OL eventTime].")
    )
    state = models.CharField(
        _("state"), max_length=10, choices=RunState, default=RunState.RUNNING, help_text=_("[OL eventType].")
    )

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            models.UniqueConstraint(fields=["namespace", "run_key"], name="run_key_unique_in_namespace"),
            models.CheckConstraint(condition=Q(job_name__regex=NAME_PATTERN), name="run_job_name_well_formed"),
            models.CheckConstraint(condition=Q(run_key__regex=NAME_PATTERN), name="run_key_well_formed"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="run_state_known"),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True) | Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="run_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(state="running", ended_at__isnull=True) | (~Q(state="running") & Q(ended_at__isnull=False)),
                name="run_ended_has_time",
            ),
            models.CheckConstraint(
                condition=Q(source_commit__isnull=True) | Q(source_commit__regex=r"^[0-9A-Za-z._/-]{1,128}$"),
                name="run_source_commit_well_formed",
            ),
        ]
        indexes = [
            models.Index(fields=["recorded_at", "id"], name="run_by_moment"),
        ]

    def __str__(self) -> str:
        return self.run_key


class RunLink(BornFinalModel):
    """What inputs and outputs have in common: a run, and one dataset version or one model version."""

    namespace_path = "run__namespace"

    role = models.CharField(_("role"), max_length=10, choices=RunRole, help_text=_("What it was in the run."))
    link_method = models.CharField(
        _("link method"),
        max_length=12,
        choices=LinkMethod,
        default=LinkMethod.DECLARED,
        help_text=_("How the link was made."),
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.role


class RunInput(RunLink):
    """What went into a run: exactly one of a dataset version and a model version."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="inputs", db_index=False, verbose_name=_("run"))
    dataset_version = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        related_name="input_of",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("dataset version"),
    )
    model_version = models.ForeignKey(
        "lineage.ModelVersion",
        on_delete=models.PROTECT,
        related_name="input_of",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("model version"),
    )

    class Meta:
        verbose_name = _("run input")
        verbose_name_plural = _("run inputs")
        constraints = [
            models.CheckConstraint(
                condition=Q(dataset_version__isnull=False, model_version__isnull=True)
                | Q(dataset_version__isnull=True, model_version__isnull=False),
                name="run_input_exactly_one",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["training", "validation", "test", "baseline", "source"]),
                name="run_input_role_known",
            ),
            models.CheckConstraint(condition=Q(link_method__in=LinkMethod.values), name="run_input_method_known"),
            models.UniqueConstraint(
                fields=["run", "dataset_version", "model_version", "role"],
                name="run_input_unique",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(fields=["dataset_version", "run"], name="run_input_dataset_idx"),
            models.Index(fields=["model_version", "run"], name="run_input_model_idx"),
        ]


class RunOutput(RunLink):
    """What came out of a run: exactly one of a dataset version and a model version."""

    run = models.ForeignKey(
        Run, on_delete=models.PROTECT, related_name="outputs", db_index=False, verbose_name=_("run")
    )
    dataset_version = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        related_name="output_of",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("dataset version"),
    )
    model_version = models.ForeignKey(
        "lineage.ModelVersion",
        on_delete=models.PROTECT,
        related_name="output_of",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("model version"),
    )

    class Meta:
        verbose_name = _("run output")
        verbose_name_plural = _("run outputs")
        constraints = [
            models.CheckConstraint(
                condition=Q(dataset_version__isnull=False, model_version__isnull=True)
                | Q(dataset_version__isnull=True, model_version__isnull=False),
                name="run_output_exactly_one",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["output", "training", "validation", "test"]), name="run_output_role_known"
            ),
            models.CheckConstraint(condition=Q(link_method__in=LinkMethod.values), name="run_output_method_known"),
            models.UniqueConstraint(
                fields=["run", "dataset_version", "model_version", "role"],
                name="run_output_unique",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(fields=["dataset_version", "run"], name="run_output_dataset_idx"),
            models.Index(fields=["model_version", "run"], name="run_output_model_idx"),
        ]
