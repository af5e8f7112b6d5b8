"""Who walks."""

from tests.cast import EVERYWHERE, PERSONS
from tests.test_isolation_walk.scene import OTHERS, OWN

#: Who belongs to which namespace alone. Those with a role everywhere may see everything and are not walked.
OF_ELSEWHERE = ("outsider", "outsider_pipeline", *OTHERS)
OF_RETAIL = (
    "viewer",
    "pipeline",
    "risk",
    "owner",
    "steward",
    "tester",
    *(n for n in PERSONS if n not in EVERYWHERE),
    *OWN,
)
NOBODY = ("anonymous",)
#: Everyone with a client of their own; the auditor reads everything and shows that there is something to read.
EVERYONE = (*OF_ELSEWHERE, *OF_RETAIL, "auditor")
