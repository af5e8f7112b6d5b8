"""Column lineage: which column of what a run wrote was made from which column of what it read."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.unit_of_work import action
from lineage.actions.registering import Registered, lock_roots, may_register
from lineage.models import ColumnLineage, DatasetVersion, LinkMethod, Run, RunInput, RunOutput, Transformation

COLUMN_LINK_LIMIT = 10_000  # links of one call
_LENGTHS = {"source_column": 256, "target_column": 256, "subtype": 64, "description": 1_000}


class ColumnLink(NamedTuple):
    """One column made from another [OL columnLineage].

    Attributes:
        source, target: what the run read and wrote. source_column, target_column: blank for the whole version.
        transformation: direct, indirect or unstated. subtype, masking, description: as the producer says.
    """

    source: DatasetVersion
    target: DatasetVersion
    source_column: str = ""
    target_column: str = ""
    transformation: str = Transformation.UNSTATED
    subtype: str = ""
    masking: bool = False
    description: str = ""

    @property
    def content(self) -> tuple[object, ...]:
        """What makes it the same link as another, within a run."""
        return (self.source.pk, self.source_column, self.target.pk, self.target_column, *self[4:])


@action
def link_column(
    *,
    actor: Principal,
    reason: str,
    run: Run,
    source: DatasetVersion,
    target: DatasetVersion,
    source_column: str = "",
    target_column: str = "",
    transformation: str = Transformation.UNSTATED,
    subtype: str = "",
    masking: bool = False,
    description: str = "",
    link_method: str = LinkMethod.DECLARED,
) -> Registered[ColumnLineage]:
    """Say that a run made one column from another. The same again adds nothing.

    Raises:
        as `link_columns`.
    """
    link = ColumnLink(
        source, target, source_column, target_column, transformation, subtype, masking, description
    )  # fmt: skip
    return _record(actor, run, [link], link_method)[0]


@action
def link_columns(
    *,
    actor: Principal,
    reason: str,
    run: Run,
    links: Sequence[ColumnLink],
    link_method: str = LinkMethod.DECLARED,
) -> list[Registered[ColumnLineage]]:
    """Say which columns a run made from which, many at once. What is on record already adds nothing.

    Columns need not stand in a version's schema: producers name parts of nested columns, and a link that were refused
    for it would let a flag pass unseen.

    Args:
        links: up to 10,000; the run must have read each source and written each target.

    Returns:
        In the order of `links`; one that stands twice among them is made once.

    Raises:
        errors.Forbidden: the actor does not register facts in the run's namespace.
        errors.Invalid: too many, too long, or of data that the run did not read and write.
    """
    return _record(actor, run, links, link_method)


def _record(
    actor: Principal, run: Run, links: Sequence[ColumnLink], link_method: str
) -> list[Registered[ColumnLineage]]:
    may_register(actor, run.namespace)
    if len(links) > COLUMN_LINK_LIMIT:
        raise errors.Invalid(errors={"links": [_("At most %(limit)d at once.") % {"limit": COLUMN_LINK_LIMIT}]})
    for link in links:
        _check(link)
    _require_linked(run, links)
    lock_roots(*sorted({("dataset", link.target.dataset_id) for link in links}))
    standing = _standing(run, links)
    new: dict[tuple[object, ...], ColumnLineage] = {}
    for link in links:
        if link.content not in standing and link.content not in new:
            new[link.content] = ColumnLineage(run=run, link_method=link_method, **link._asdict())
    ColumnLineage.objects.bulk_create(new.values(), batch_size=1_000)
    told: set[tuple[object, ...]] = set()
    answered: list[Registered[ColumnLineage]] = []
    for link in links:
        created = link.content in new and link.content not in told
        told.add(link.content)
        answered.append(Registered(new.get(link.content) or standing[link.content], created))
    return answered


def _check(link: ColumnLink) -> None:
    if link.transformation not in Transformation.values:
        known = ", ".join(Transformation.values)
        raise errors.Invalid(errors={"transformation": [_("One of %(known)s.") % {"known": known}]})
    for field, limit in _LENGTHS.items():
        if len(getattr(link, field)) > limit:
            raise errors.Invalid(errors={field: [_("At most %(limit)d characters.") % {"limit": limit}]})


def _require_linked(run: Run, links: Iterable[ColumnLink]) -> None:
    """Raises errors.Invalid, naming the side, for data that is not the run's input, or not its output."""
    for field, kind, needed in (
        ("source", RunInput, {link.source.pk for link in links}),
        ("target", RunOutput, {link.target.pk for link in links}),
    ):
        linked = set(kind.objects.filter(run=run, dataset_version__in=needed).values_list("dataset_version", flat=True))
        if needed - linked:
            raise errors.Invalid(
                errors={
                    field: [
                        _("The run did not read it. Link it to the run as an input first.")
                        if kind is RunInput
                        else _("The run did not write it. Link it to the run as an output first.")
                    ]
                }
            )


def _standing(run: Run, links: Iterable[ColumnLink]) -> dict[tuple[object, ...], ColumnLineage]:
    targets = {link.target.pk for link in links}
    return {
        (
            one.source_id, one.source_column, one.target_id, one.target_column, one.transformation, one.subtype,
            one.masking, one.description,
        ): one
        for one in ColumnLineage.objects.filter(run=run, target__in=targets)
    }  # fmt: skip
