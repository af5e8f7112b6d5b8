"""Corrections of links: what a run was said to read, write or make of columns, and did not."""

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.registering import lock_roots
from lineage.models import ColumnLineage, LinkCorrection, RunInput, RunOutput

#: Who corrects links: persons who answer for the data, or for the model.
CORRECTORS = (Role.DATA_STEWARD, Role.MODEL_OWNER)

CorrectedLink = RunInput | RunOutput | ColumnLineage


@action
def correct_link(
    *, actor: Principal, reason: str, link: CorrectedLink, kind: str = LinkCorrection.Kind.VOID
) -> LinkCorrection:
    """Void a link that was wrong, or restore one that was voided. It stays on record; nothing follows it while void.

    Votes on the data of every model version below, or ever below, are void from then on.

    Args:
        kind: void or restore.

    Raises:
        errors.Forbidden: neither data steward nor model owner there. errors.SeparationOfDuties: the actor recorded the
            link, or answers for the account that did. errors.Conflict: it is so already.
    """
    require(actor, *CORRECTORS, namespace=link.run.namespace)
    if kind not in LinkCorrection.Kind.values:
        raise errors.Invalid(errors={"kind": [_("void or restore.")]})
    lock_roots(*_roots(link))
    return LinkCorrection.objects.create(**{_FIELDS[type(link)]: link}, run=link.run, kind=kind, reason=reason.strip())


_FIELDS: dict[type[CorrectedLink], str] = {
    RunInput: "run_input",
    RunOutput: "run_output",
    ColumnLineage: "column_lineage",
}


def _roots(link: CorrectedLink) -> list[tuple[str, int]]:
    """What recording the link locked: its run, and the thing whose closure it joined."""
    roots = [("run", link.run_id)]
    if isinstance(link, ColumnLineage):
        roots.append(("dataset", link.target.dataset_id))
    elif isinstance(link, RunOutput) and link.model_version_id is not None:
        roots.append(("model_version", link.model_version_id))
    elif isinstance(link, RunOutput) and link.dataset_version is not None:
        roots.append(("dataset", link.dataset_version.dataset_id))
    return roots
