"""Tags of ours that carry facts where a client has no field for them: what an unmodified MLflow client can send."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Case, Q, Value, When
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.api.fields import MAX_ID
from governance.api.parsers import text_fault
from governance.unit_of_work import action, part
from lineage import queries
from lineage.actions.completions import TRAINING_AT_ONCE, Completed, complete_model_version
from lineage.digests import Digest, parse_digest
from lineage.models import DatasetVersion, FactOrigin, ModelVersion

#: How the keys of tags begin that carry facts; no other tag does, so that none passes for one.
OURS = "muniment."
DIGEST = "muniment.digest"
TRAINING_DATA = "muniment.training_data"
CODE_COMMIT = "muniment.code_commit"
CARRIERS = (DIGEST, TRAINING_DATA, CODE_COMMIT)

#: Characters of a name of data: a namespace's, a dataset's and a label, or a digest with its algorithm.
_NAME = 600
_COMMIT = re.compile(r"[0-9A-Za-z._/-]{1,128}")


@action
def complete_from_tags(
    *, actor: Principal, reason: str, model_version: ModelVersion, tags: Mapping[str, str]
) -> Completed:
    """Complete a version by the tags of ours among `tags`; where there is none, nothing is recorded.

    `muniment.digest` holds `sha256:…`; `muniment.code_commit` a commit; `muniment.training_data` dataset versions,
    separated by commas or as a JSON list: ids, digests, `dataset@label` or `namespace/dataset@label`.

    Raises:
        errors.Invalid, errors.Missing: a tag that cannot be read or names nothing, or another key of ours; `errors` has
        it as `tags.<key>`. And as `complete_model_version`.
    """
    unknown = [key for key in tags if key.casefold().startswith(OURS) and key not in CARRIERS]
    if unknown:
        sentence = _("Keys that begin with %(ours)s carry facts: %(keys)s. Choose another beginning.") % {
            "ours": OURS,
            "keys": ", ".join(CARRIERS),
        }
        raise errors.Invalid(sentence, errors={f"tags.{key}": [sentence] for key in unknown})
    facts = facts_in_tags(actor, model_version.model.namespace, tags)
    if not facts:
        return Completed(model_version, None)
    keys = ", ".join(key for key in CARRIERS if tags.get(key))
    return part(complete_model_version)(
        actor=actor, reason=reason, model_version=model_version, how=FactOrigin.TAG, came_from=keys, **facts
    )


def digest_in_tags(tags: Mapping[str, str]) -> Digest | None:
    """The digest that a tag of ours carries; None: none. Raises errors.Invalid as `complete_from_tags`."""
    given = tags.get(DIGEST, "").strip()
    return parse_digest(given, field=f"tags.{DIGEST}") if given else None


def facts_in_tags(actor: Principal, home: Namespace, tags: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of `complete_model_version` that the tags carry; blank tags carry nothing.

    Raises:
        errors.Invalid, errors.Missing: as `complete_from_tags`.
    """
    facts: dict[str, Any] = {}
    if (digest := digest_in_tags(tags)) is not None:
        facts["digest"] = digest
    if given := tags.get(CODE_COMMIT, "").strip():
        if not _COMMIT.fullmatch(given):
            sentence = _("A commit is 1 to 128 letters, digits, dots, dashes, slashes or underscores.")
            raise errors.Invalid(sentence, errors={f"tags.{CODE_COMMIT}": [sentence]})
        facts["code_commit"] = given
    if given := tags.get(TRAINING_DATA, "").strip():
        facts["training"] = named_at_once(actor, home, _list(given), f"tags.{TRAINING_DATA}")
    return facts


def _list(given: str) -> list[str]:
    """The names in a tag: a JSON list, or separated by commas."""
    if given.startswith("["):
        try:
            found = json.loads(given)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or not all(isinstance(one, str | int) for one in found):
            raise errors.Invalid(errors={f"tags.{TRAINING_DATA}": [_("Write a JSON list of ids, digests or names.")]})
        names = [str(one).strip() for one in found]
    else:
        names = [one.strip() for one in given.split(",")]
    return [one for one in names if one]


def named_at_once(actor: Principal, home: Namespace, names: Iterable[str], field: str) -> list[DatasetVersion]:
    """What each name means, as `named_data`. Raises errors.Invalid too: more than a version is linked to at once."""
    each = list(dict.fromkeys(names))
    if len(each) > TRAINING_AT_ONCE:
        sentence = _("At most %(limit)d dataset versions.") % {"limit": TRAINING_AT_ONCE}
        raise errors.Invalid(sentence, errors={field: [sentence]})
    return [named_data(actor, home, name, field) for name in each]


def named_data(actor: Principal, home: Namespace, name: str, field: str) -> DatasetVersion:
    """The dataset version a producer names: its id, its digest, or `dataset@label`, of `home` unless it says otherwise.

    The same bytes at home go before those elsewhere, and the newest before the older.

    Raises:
        errors.Missing: none that the actor may read; `errors` names `field`. errors.Invalid: a digest that is none, or
            text that no record holds.
    """
    fault = text_fault(name) or (_("At most %(limit)d characters.") % {"limit": _NAME} if len(name) > _NAME else None)
    if fault:
        raise errors.Invalid(fault, errors={field: [fault]})
    if name.isascii() and name.isdecimal():
        # An id has at most 19 digits; int() of thousands raises.
        wanted = Q(pk=int(name)) if len(name) <= 19 and int(name) <= MAX_ID else Q(pk__in=[])
    elif "@" in name:
        dataset, _at, label = name.rpartition("@")
        # A dataset's own name may hold a slash: both readings are looked for, at home first.
        wanted = Q(dataset__namespace=home, dataset__name=dataset, label=label)
        namespace, slash, rest = dataset.partition("/")
        if slash:
            wanted |= Q(dataset__namespace__name=namespace, dataset__name=rest, label=label)
    else:
        read = parse_digest(name, field=field)
        wanted = Q(digest_algorithm=read.algorithm, digest_value=read.value)
    readable = (
        queries.readable(DatasetVersion, actor)
        if actor.kind != Principal.Kind.SYSTEM
        else (DatasetVersion.objects.filter(dataset__namespace=home))
    )
    at_home = Case(When(dataset__namespace=home, then=Value(0)), default=Value(1))
    found = readable.filter(wanted).select_related("dataset").order_by(at_home, "-pk").first()
    if found is None:
        sentence = _("No dataset version %(name)s, or none that you may read.") % {"name": name[:200]}
        raise errors.Missing(sentence, errors={field: [sentence]})
    return found
