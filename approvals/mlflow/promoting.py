"""Aliases and stages that an environment claims: setting one is a promotion, taking one away ends it.

No rule stands here: the release is opened or found, and the gate asked, by the same actions as anywhere else.
"""

from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from approvals.actions.promotions import ask_for_promotion, end_promotion
from approvals.actions.releases import open_release
from approvals.actions.serving import roll_back
from approvals.mlflow.asked import Asked
from approvals.models import AsFound, Environment, LiveSlot, Promotion, PromotionEnd, Slot
from governance import errors
from lineage import actions
from lineage.models import Model, ModelVersion, ModelVersionArchival


def environment_of_alias(alias: str) -> Environment | None:
    """The environment that claims an alias; None: it is free. Raises Invalid as `claiming`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.environment_of_alias(%s), muniment.claimed_look(%s)", [alias, alias])
        return claiming(alias, *cursor.fetchone())


def claiming(alias: str, environment: int | None, look: str | None) -> Environment | None:
    """The environment that claims an alias; None: it is free.

    Args:
        environment: its id. look: the claimed alias that this one looks like.

    Raises:
        Invalid: it is no claimed one and looks like one, so that readers would take it for that.
    """
    if environment is not None:
        return Environment.objects.get(pk=environment)
    if look is not None:
        raise errors.Invalid(
            _("The alias “%(alias)s” looks like %(look)s, which goes live. Choose a name that nobody mistakes for it.")
            % {"alias": alias, "look": look}
        )
    return None


def environment_of_stage(stage: str) -> Environment | None:
    """The environment that claims a stage (lower case)."""
    return Environment.objects.filter(mlflow_stages__contains=[stage]).order_by("order").first()


def champion(model: Model, environment: Environment) -> Promotion | None:
    """What is live there."""
    live = (
        LiveSlot.objects.filter(model=model, environment=environment, slot=Slot.CHAMPION)
        .select_related("promotion__release__model_version__model__namespace", "promotion__model__namespace")
        .first()
    )
    return live.promotion if live else None


def go_live(asked: Asked, version: ModelVersion, environment: Environment) -> None:
    """Make a version live, or find it so. One that served there before is rolled back to, if it still may serve.

    Raises:
        errors.GateClosed: with every requirement; the release is open. errors.Forbidden, errors.Conflict: as the acts.
    """
    asked.require_scope("releases")
    asked.require_scope("promotions")
    live = champion(version.model, environment)
    if live is not None and live.release.model_version_id == version.pk:
        return
    if live is not None and (earlier := _earlier(version, environment)) is not None:
        try:
            roll_back(actor=asked.principal, reason=asked.reason, promotion=live, to=earlier)
        except errors.GateClosed:
            pass  # what approved it then is good no more: it is judged anew
        else:
            return
    release, _new = open_release(
        actor=asked.principal, reason=asked.reason, model_version=version, environment=environment
    )
    ask_for_promotion(actor=asked.principal, reason=asked.reason, release=release)


def _earlier(version: ModelVersion, environment: Environment) -> Promotion | None:
    """The newest promotion of a version there, if a release of another took its place: such a one can be gone back to.

    What was rolled back is not: whoever did that had a reason, and a pipeline that sets its alias once more gives none.
    """
    newest = (
        Promotion.objects.filter(release__model_version=version, environment=environment, slot=Slot.CHAMPION)
        .select_related("release__model_version__model__namespace", "end")
        .order_by("-pk")
        .first()
    )
    end = getattr(newest, "end", None)
    return newest if end is not None and end.kind == PromotionEnd.Kind.SUPERSEDED else None


def step_down(asked: Asked, model: Model, environment: Environment, version: ModelVersion | None = None) -> None:
    """Retire what is live there (only if it is `version`, where one is given).

    Raises:
        errors.Forbidden, errors.SeparationOfDuties: a person who owns the model or manages its risk does that.
        errors.Conflict: what serves there came in as found.
    """
    live = champion(model, environment)
    if live is None:
        _refuse_found(model, environment, version)
    if live is None or (version is not None and live.release.model_version_id != version.pk):
        return
    asked.require_scope("promotions")
    end_promotion(actor=asked.principal, reason=asked.reason, promotion=live, kind=PromotionEnd.Kind.RETIRED)


def _refuse_found(model: Model, environment: Environment, version: ModelVersion | None) -> None:
    """Raises errors.Conflict where an entry as found serves (of `version`, where one is given): no call ends it."""
    found = AsFound.objects.filter(model=model, environment=environment, slot=Slot.CHAMPION, end__isnull=True)
    entry = (found if version is None else found.filter(model_version=version)).first()
    if entry is not None:
        raise errors.Conflict(
            _("%(name)s serves in %(environment)s as found, without a promotion. End it on its page: %(page)s")
            % {
                "name": model.name,
                "environment": environment.name,
                "page": f"{settings.MUNIMENT_URL}{reverse('as-found', args=[entry.pk])}",
            }
        )


def enter_stage(asked: Asked, version: ModelVersion, stage: str, *, archive_existing: bool) -> None:
    """Let a version enter a stage (none, staging, production, archived).

    Args:
        archive_existing: put the version away whose place it took; it serves no longer in any case.

    Raises:
        errors.Invalid: no environment claims the stage, or nothing could be put away. Else as `go_live`, `step_down`.
    """
    if stage in ("none", "archived"):
        if archive_existing:
            raise errors.Invalid(
                _("archive_existing_versions goes with a stage that versions serve in, not with this one.")
            )
        for environment in Environment.objects.filter(mlflow_stages__len__gt=0):
            step_down(asked, version.model, environment, version)
        _put_away(asked, version, stage == "archived")
        return
    claiming = environment_of_stage(stage)
    if claiming is None:
        raise errors.Invalid(
            _("No environment claims the stage %(stage)s. Use an alias of your own, or a stage that one claims.")
            % {"stage": stage}
        )
    former = champion(version.model, claiming)
    go_live(asked, version, claiming)
    _put_away(asked, version, False)
    if archive_existing and former is not None and former.release.model_version_id != version.pk:
        _put_away(asked, former.release.model_version, True)


def _put_away(asked: Asked, version: ModelVersion, archived: bool) -> None:
    """Archive a version or take it out again, where it is not so already."""
    newest = ModelVersionArchival.objects.filter(model_version=version).order_by("-pk").first()
    if archived != (newest is not None and newest.archived):
        actions.archive_model_version(
            actor=asked.principal, reason=asked.reason, model_version=version, archived=archived
        )
