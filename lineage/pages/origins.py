"""How each fact of a model version came: declared at its registration, or by a later record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineage.models import LinkMethod, ModelVersion, ModelVersionCompletion

METRICS_SHOWN = 40
_LINKED = {
    LinkMethod.DECLARED: gettext_lazy("linked through the API"),
    LinkMethod.OPENLINEAGE: gettext_lazy("OpenLineage event"),
    LinkMethod.MLFLOW: gettext_lazy("MLflow"),
    LinkMethod.INFERRED: gettext_lazy("inferred from digests"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact, and how it came. `state`: on record, missing, confirmed or contradicted."""

    name: str
    value: str
    how: str = ""
    where: str = ""
    by: str = ""
    at: datetime | None = None
    digest: bool = False
    state: str = "kept"


def origins(
    version: ModelVersion, later: Sequence[ModelVersionCompletion], data: Sequence[dict[str, Any]]
) -> list[Fact]:
    """The facts of a version in the order the gate asks for them.

    Args:
        later: its completions, oldest first, with who recorded them. data: `lineage.pages.facts.run_data` of it.
    """
    found = [_digest(version, later)]
    filled = _filled(version, later, "digest")
    for one in later:
        if "digest" in one.contradicts:
            value = f"{one.digest_algorithm}:{one.digest_value}"
            found.append(_told(_("Digest"), value, one, digest=True, state="contradicted"))
        elif one.digest_value and one is not filled:
            found.append(_told(_("Digest"), _("the same bytes lie there"), one, state="confirmed"))
    found.append(_commit(version, later))
    found += [
        _told(_("Code commit"), one.code_commit, one, state="contradicted")
        for one in later
        if "code_commit" in one.contradicts
    ]
    if version.artifact_uri:
        found.append(_declared(version, _("Lies at"), version.artifact_uri))
    found += _training(version, later, data)
    for one in later:
        for title, values in ((_("Metrics"), one.metrics), (_("Parameters"), one.parameters)):
            if values:
                said = [f"{name} {value}" for name, value in list(values.items())[:METRICS_SHOWN]]
                found.append(_told(title, ", ".join(said) + (", …" if len(values) > METRICS_SHOWN else ""), one))
    return found


def _filled(version: ModelVersion, later: Sequence[ModelVersionCompletion], what: str) -> ModelVersionCompletion | None:
    """The record that filled a column in; None: it stood there from the beginning, or stands there not yet."""
    if what not in version.filled_later:
        return None
    column = "digest_value" if what == "digest" else what
    return next((one for one in later if getattr(one, column) and what not in one.contradicts), None)


def _digest(version: ModelVersion, later: Sequence[ModelVersionCompletion]) -> Fact:
    if not version.digest_value:
        return Fact(_("Digest"), _("not on record"), state="missing")
    value = f"{version.digest_algorithm}:{version.digest_value}"
    filled = _filled(version, later, "digest")
    if filled is None:
        return _declared(version, _("Digest"), value, digest=True)
    return _told(_("Digest"), value, filled, digest=True)


def _commit(version: ModelVersion, later: Sequence[ModelVersionCompletion]) -> Fact:
    if not version.code_commit:
        return Fact(_("Code commit"), _("not on record"), state="missing")
    filled = _filled(version, later, "code_commit")
    if filled is None:
        return _declared(version, _("Code commit"), version.code_commit)
    return _told(_("Code commit"), version.code_commit, filled)


def _training(
    version: ModelVersion, later: Sequence[ModelVersionCompletion], data: Sequence[dict[str, Any]]
) -> list[Fact]:
    trained = [one for one in data if one["role"] == "training"]
    if not trained:
        return [Fact(_("Training data"), _("none linked"), state="missing")]
    by_id = {pk: one for one in reversed(later) for pk in one.training}
    found = []
    for one in trained:
        name = f"{one['name']} {one['label']}"
        if one["version"] in by_id:
            found.append(_told(_("Training data"), name, by_id[one["version"]]))
        else:
            found.append(Fact(_("Training data"), name, str(_LINKED[one["link_method"]]), at=one["linked_at"]))
    return found


def _declared(version: ModelVersion, name: str, value: str, *, digest: bool = False) -> Fact:
    how = _("declared at registration")
    return Fact(name, value, how, "", version.recorded_by.display_name, version.recorded_at, digest)


def _told(name: str, value: str, one: ModelVersionCompletion, *, digest: bool = False, state: str = "kept") -> Fact:
    read = one.tracking_server
    by = "" if read else one.recorded_by.display_name
    # The server's own card names it; which run or model it was told of is what differs from fact to fact.
    where = one.came_from.removeprefix(read.uri).lstrip(", ") if read else one.came_from
    return Fact(name, value, one.get_how_display(), where, by, one.recorded_at, digest, state)
