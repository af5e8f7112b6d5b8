"""What is said about a model version later: tags, its description, whether it is put away."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.history.partial import known_as
from governance.unit_of_work import action, action_at_once, carry_out
from lineage.actions.registering import Registered, lock_roots
from lineage.models import ModelVersion, ModelVersionArchival, ModelVersionDescription, ModelVersionTag

#: Who describes a version. Whoever does had a hand in it (muniment.contributors) and does not judge it.
DESCRIBERS = (Role.PIPELINE, Role.MODEL_OWNER)
TAGS_AT_ONCE = 100


@action_at_once
def tag_model_version(
    *, actor: Principal, reason: str, model_version: ModelVersion, tags: Mapping[str, str | None]
) -> list[ModelVersionTag]:
    """Set tags by key; None takes a tag away. What stands already, or is not there to take away, adds nothing.

    Returns:
        The rows recorded.

    Raises:
        errors.Forbidden: neither pipeline nor model owner there. errors.Invalid: none or more than 100.
    """
    if not tags or len(tags) > TAGS_AT_ONCE:
        require(actor, *DESCRIBERS, namespace=model_version.model.namespace)
        raise errors.Invalid(errors={"tags": [_("Set 1 to %(limit)d tags at once.") % {"limit": TAGS_AT_ONCE}]})
    rows = carry_out(
        "SELECT * FROM muniment.put_version_tags(%s, %s::text[], %s::text[])",
        [model_version.pk, list(tags), list(tags.values())], *DESCRIBERS, namespace=model_version.model.namespace,
    )  # fmt: skip
    columns = ("id", "recorded_at", "recorded_by_id", "key", "value", "removed")
    return [
        known_as(ModelVersionTag, model_version_id=model_version.pk, **dict(zip(columns, row, strict=True)))
        for row in rows
    ]


@action
def describe_model_version(
    *, actor: Principal, reason: str, model_version: ModelVersion, text: str
) -> Registered[ModelVersionDescription]:
    """Say what a version is; the text before stays in the record. Raises errors.Forbidden as `tag_model_version`."""
    require(actor, *DESCRIBERS, namespace=model_version.model.namespace)
    lock_roots(("model_version", model_version.pk))
    newest = ModelVersionDescription.objects.filter(model_version=model_version).order_by("-pk").first()
    if newest is not None and newest.text == text:
        return Registered(newest, False)
    return Registered(ModelVersionDescription.objects.create(model_version=model_version, text=text), True)


@action
def archive_model_version(
    *, actor: Principal, reason: str, model_version: ModelVersion, archived: bool
) -> Registered[ModelVersionArchival]:
    """Put a version away, or take it out again. It stays what it is: the gate and what serves do not depend on it.

    Raises:
        errors.Forbidden: as `tag_model_version`.
    """
    require(actor, *DESCRIBERS, namespace=model_version.model.namespace)
    lock_roots(("model_version", model_version.pk))
    newest = ModelVersionArchival.objects.filter(model_version=model_version).order_by("-pk").first()
    if newest is not None and newest.archived == archived:
        return Registered(newest, False)
    return Registered(ModelVersionArchival.objects.create(model_version=model_version, archived=archived), True)


def tags_in_force(model_version: ModelVersion) -> dict[str, str]:
    """Value by key, in alphabetical order: per key the newest row, unless that took the tag away."""
    newest = {tag.key: tag for tag in sorted(model_version.tags.all(), key=lambda tag: tag.pk)}
    return {key: newest[key].value for key in sorted(newest) if not newest[key].removed}
