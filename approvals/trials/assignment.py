"""Which arm of a trial a unit meets: a published rule that anybody computes for themselves (docs/trials.md).

    h   = the first 8 bytes of SHA-256 of "muniment-ab/1\\n" + key + "\\n" + unit, in UTF-8, as a big-endian integer
    arm = champion where h / 2^64 < the champion's share, else challenger

The comparison is made in whole numbers, so that every language gives the same arm. `key` belongs to the trial alone:
which arm a unit meets in one trial says nothing about another. The same rule stands in `muniment assign`
(governance/client); a test holds the two together.
"""

import hashlib
from decimal import Decimal
from fractions import Fraction

RULE = "muniment-ab/1"
MAX_UNIT = 500  # characters of a unit's id
SPAN = 2**64


def place(key: str, unit: str) -> int:
    """Where a unit stands in a trial: a number from 0 to 2^64 - 1, uniform over units.

    Args:
        key: the trial's, public; without line feeds.
        unit: id of what is randomised (a customer, a session, a request), any text.

    Raises:
        ValueError: `unit` holds a lone surrogate, which has no UTF-8.
    """
    digest = hashlib.sha256(f"{RULE}\n{key}\n{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def arm_of(key: str, challenger_share: Decimal, unit: str) -> str:
    """ "champion" or "challenger".

    Args:
        challenger_share: between 0 and 1; taken as the exact decimal it is.

    Raises:
        ValueError: as `place`.
    """
    champion = 1 - Fraction(challenger_share)
    return "champion" if place(key, unit) * champion.denominator < champion.numerator * SPAN else "challenger"
