"""Profiles of dataset versions: handed in by whoever measured them, or measured by a worker of the product's."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.personal_data import record_finds
from lineage.actions.registering import REGISTRARS, Registered, get_or_register
from lineage.digests import Digest
from lineage.models import DataProfile, DatasetVersion
from lineage.quality.documents import Profile, to_json
from lineage.quality.finds import finds_in, without_values

#: Who hands in profiles and has files profiled: who registers facts, and who judges them independently.
PROFILERS = (*REGISTRARS, Role.VALIDATOR)


@action
def record_profile(
    *, actor: Principal, reason: str, dataset_version: DatasetVersion, profile: Profile
) -> Registered[DataProfile]:
    """Record a profile that was measured elsewhere, on the word of the actor. The same twice is the same record.

    What looks like personal data in it raises its flag in the same act.

    Args:
        profile: as `lineage.quality.documents.read_profile` has read it.

    Raises:
        errors.Forbidden: the actor profiles nothing in the namespace, or another producer reports for the dataset.
        errors.Invalid: it is of other bytes than the version.
    """
    require(actor, *PROFILERS, namespace=dataset_version.dataset.namespace)
    own = Digest(dataset_version.digest_algorithm, dataset_version.digest_value)
    if own.algorithm == "sha256" and profile.digest != str(own):
        sentence = _("The file was %(read)s, the version is %(own)s.") % {"read": profile.digest, "own": own}
        raise errors.Invalid(
            _("The profile is of other bytes than the version. Profile the file that it was registered with.")
            + " " + sentence,
            errors={"digest": [sentence]},
        )  # fmt: skip
    return _record(DataProfile.How.HANDED_IN, actor, dataset_version, profile, profile.digest)


@action
def record_measured_profile(
    *, actor: Principal, reason: str, dataset_version: DatasetVersion, profile: Profile, digest: Digest
) -> Registered[DataProfile]:
    """Record a profile that a worker measured. The database refuses it of bytes that are not the version's.

    Args:
        actor: the system principal. digest: of the bytes read, in the algorithm of the version's own.

    Raises:
        errors.SeparationOfDuties: another actor. errors.Invalid: other bytes.
    """
    return _record(DataProfile.How.MEASURED, actor, dataset_version, profile, str(digest))


def _record(
    how: DataProfile.How, actor: Principal, version: DatasetVersion, profile: Profile, file_digest: str
) -> Registered[DataProfile]:
    profile = without_values(profile)
    content: dict[str, Any] = {
        "how": how, "engine": profile.engine, "format": profile.format, "file_digest": file_digest,
        "complete": profile.complete, "stopped_by": profile.stopped_by, "duplicate_rows": profile.duplicate_rows,
        "rows": profile.rows, "bytes": profile.bytes, "columns": [to_json(one) for one in profile.columns],
        "rules": [asdict(one) for one in profile.rules],
    }  # fmt: skip
    # With who says it: two who measured the same vouch for it each by themselves.
    said = json.dumps(["document", version.pk, actor.pk, content], sort_keys=True, ensure_ascii=False)
    identity = {
        "namespace": version.dataset.namespace, "content_digest": hashlib.sha256(said.encode()).hexdigest(),
    }  # fmt: skip
    content |= {"dataset_version": version, "said_at": timezone.now()}
    done = get_or_register(DataProfile, identity=identity, content=content, compare={})
    if done.created:
        record_finds(done.record, version, finds_in(profile.columns))
    return done
