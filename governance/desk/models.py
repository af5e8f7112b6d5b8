"""What the desk reads and keeps.

`Act`, `SearchEntry` and `SearchWord` are working tables that triggers keep beside the histories
(governance/desk/keeping.py), so that one index answers for forty tables. They are no evidence; histories and ledger
are, and all can be filled from them.
`Sample` and `Export` are governed: what an auditor drew and who took records out stays on record.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel

LEADS = Q(lead=True)


class Act(models.Model):
    """What one act wrote of one kind in one namespace: lists of acts are read from here, by index, newest first.

    The first such row of an act in a namespace leads it. `name` and `door` are what the writing process said of itself;
    the rest is copied from the history.
    """

    id = models.BigIntegerField(primary_key=True, help_text=_("The first ledger entry of the act and kind."))
    action_id = models.UUIDField(_("act"), help_text=_("Shared by everything written in the same act."))
    kind = models.CharField(_("kind"), max_length=63, help_text=_("The table's name, as in the ledger."))
    op = models.CharField(_("change"), max_length=1, help_text=_("+ recorded, ~ changed."))
    # No foreign keys: a check per row and act for what the histories hold to already.
    namespace_id = models.BigIntegerField(_("namespace"), null=True, help_text=_("Empty: it belongs to none."))
    actor_id = models.BigIntegerField(_("who"))
    at = models.DateTimeField(_("when"))
    reason = models.TextField(_("reason"))
    name = models.CharField(_("action"), max_length=100, blank=True, help_text=_("As the process called it."))
    door = models.CharField(_("door"), max_length=20, blank=True, help_text=_("How it came in, as the process said."))
    object_id = models.BigIntegerField(_("first record"))
    lead = models.BooleanField(_("leads"), default=False)

    class Meta:
        db_table = "governance_act"
        verbose_name = _("act")
        verbose_name_plural = _("acts")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["action_id", "kind", "op", "namespace_id"], nulls_distinct=False, name="act_once_per_kind"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(F("at").desc(), F("id").desc(), condition=LEADS, name="act_newest"),
            models.Index("actor_id", F("at").desc(), F("id").desc(), condition=LEADS, name="act_of_actor"),
            models.Index("namespace_id", F("at").desc(), F("id").desc(), condition=LEADS, name="act_in_namespace"),
            models.Index("name", F("at").desc(), F("id").desc(), condition=LEADS, name="act_by_name"),
            models.Index("kind", F("at").desc(), F("id").desc(), name="act_of_kind"),
            models.Index("namespace_id", "kind", F("at").desc(), F("id").desc(), name="act_of_kind_there"),
            models.Index("actor_id", "kind", F("at").desc(), F("id").desc(), name="act_of_kind_by"),
        ]

    def __str__(self) -> str:
        return f"{self.action_id}"


class SearchEntry(models.Model):
    """The words of one record as it stands, with its namespace among them: one index finds both at once."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(_("kind"), max_length=63)
    object_id = models.BigIntegerField(_("record"))
    namespace_id = models.BigIntegerField(_("namespace"), null=True)
    title = models.CharField(_("title"), max_length=300)
    words = SearchVectorField(_("words"))
    at = models.DateTimeField(_("as of"))

    class Meta:
        db_table = "governance_searchentry"
        verbose_name = _("search entry")
        verbose_name_plural = _("search entries")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["object_id", "kind"], name="searchentry_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["words"], name="searchentry_words"),
            models.Index(Lower("title"), name="searchentry_title"),
        ]

    def __str__(self) -> str:
        return self.title


class SearchWord(models.Model):
    """A word of names in one namespace, or (namespace 0) in any: what misspelt words are corrected to."""

    id = models.BigAutoField(primary_key=True)
    namespace_id = models.BigIntegerField(_("namespace"), help_text=_("0: of all namespaces, and of none."))
    word = models.TextField(_("word"))
    shapes = ArrayField(
        models.TextField(), verbose_name=_("shapes"),
        help_text=_("What is left of its beginning without a letter or two, each led by the namespace."),
    )  # fmt: skip

    class Meta:
        db_table = "governance_searchword"
        verbose_name = _("search word")
        verbose_name_plural = _("search words")
        indexes: ClassVar[list[models.Index]] = [
            models.Index("word", "namespace_id", name="searchword_there"),
            # New words are few: kept in the index at once, nobody who asks reads through a list of those to come.
            GinIndex(fields=["shapes"], fastupdate=False, name="searchword_shapes"),
        ]

    def __str__(self) -> str:
        return self.word


class Sample(BornFinalModel):
    """Records drawn at random by an auditor: the database draws, and anybody can draw the same again.

    Method `sha256-order`: the ids of the population in the order of SHA-256(seed ":" id), the first `size` of them.
    """

    ACTS: ClassVar[str] = "governance_act"
    METHOD: ClassVar[str] = "sha256-order"
    MOST: ClassVar[int] = 1000

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("namespace"), help_text=_("Empty: of all namespaces."),
    )  # fmt: skip
    kind = models.CharField(
        _("population"), max_length=63, help_text=_("A governed table's name, or governance_act for acts.")
    )
    from_at = models.DateTimeField(_("from"), help_text=_("Recorded at this moment or later (UTC)."))
    until_at = models.DateTimeField(_("until"), help_text=_("Recorded before this moment (UTC); in the past."))
    seed = models.CharField(_("seed"), max_length=100, help_text=_("Any text, 1 to 100 characters."))
    size = models.PositiveIntegerField(_("size"), help_text=_("How many were asked for, 1 to 1000."))
    method = models.CharField(_("method"), max_length=20, default=METHOD, editable=False)
    population_size = models.BigIntegerField(
        _("population size"), default=0, editable=False, help_text=_("How many there were, counted by the database.")
    )
    population_digest = models.CharField(
        _("population digest"), max_length=64, blank=True, editable=False,
        help_text=_("SHA-256 of all ids, sorted as text by code point, joined by line feeds; hexadecimal."),
    )  # fmt: skip
    drawn = ArrayField(
        models.CharField(max_length=36), verbose_name=_("drawn"), default=list, editable=False,
        help_text=_("The ids drawn, in the order of the method."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("audit sample")
        verbose_name_plural = _("audit samples")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(size__gte=1, size__lte=1000), name="sample_size_bounded"),
            models.CheckConstraint(condition=Q(from_at__lt=F("until_at")), name="sample_period_in_order"),
            models.CheckConstraint(condition=~Q(seed=""), name="sample_seed_given"),
            models.CheckConstraint(condition=Q(method="sha256-order"), name="sample_method_known"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Export(BornFinalModel):
    """Someone took records out of the system in bulk: what, in which form, narrowed how."""

    namespace_path = ""

    what = models.CharField(_("what"), max_length=63, help_text=_("A table's name, acts, inventory or access."))
    format = models.CharField(_("format"), max_length=10, help_text=_("csv or jsonl."))
    filters = models.JSONField(_("filters"), default=dict, blank=True, help_text=_("As they were asked for."))

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(format__in=["csv", "jsonl"]), name="export_format_known"),
        ]

    def __str__(self) -> str:
        return f"{self.what}.{self.format}"
