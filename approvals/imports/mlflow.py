"""An MLflow registry as the source of an import; aliases and stages that mean an environment say what serves."""

from datetime import date

from approvals.actions.imports import IMPORTERS, prepare_import
from approvals.models import Environment
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from lineage.imports import mlflow
from lineage.models import ImportDraft, ImportFormat


def prepare_from_server(
    *, actor: Principal, namespace: Namespace, server: str, as_found: bool = False, govern_by: date | None = None
) -> ImportDraft:
    """Read a server's registry and keep it to look at, as `prepare_import` keeps a file.

    Args:
        server: one the operator lists. as_found: whether what has an environment's alias or stage comes as found there.
        govern_by: the day for those.

    Raises:
        errors.Forbidden: nobody who imports there. errors.Invalid, errors.TooLarge, errors.Unavailable: see
            `lineage.imports.mlflow.fetch`.
    """
    require(actor, *IMPORTERS, namespace=namespace)  # before any server is asked in their name
    places: dict[str, str] = {}
    if as_found:
        for one in Environment.objects.order_by("order"):
            places.update(dict.fromkeys([*one.mlflow_aliases, *one.mlflow_stages], one.name))
    content = mlflow.fetch(
        server, namespace=namespace.name, places=places, govern_by=govern_by.isoformat() if govern_by else ""
    )
    return prepare_import(
        actor=actor, namespace=namespace, content=content, name=server, format=ImportFormat.MLFLOW
    )  # fmt: skip
