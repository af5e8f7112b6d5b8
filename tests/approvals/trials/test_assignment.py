"""Who meets which arm: the published rule, the same in the server and in the command, uniform and independent."""

import hashlib
import re
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from approvals.trials.assignment import SPAN, arm_of, place
from governance.client import muniment
from tests.waiting import PATIENCE

KEY = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
DOCS = Path(__file__).parents[3] / "docs" / "trials.md"
VECTOR = re.compile(r"^\| `([0-9a-f]{32})` \| `([^`]*)` \| ([0-9.]+) \| `([0-9a-f]{16})` \| (\w+) \|$", re.MULTILINE)


def test_the_vectors_of_the_documentation_are_what_the_rule_gives() -> None:
    vectors = VECTOR.findall(DOCS.read_text())
    assert len(vectors) >= 6
    for key, unit, share, hashed, arm in vectors:
        assert (f"{place(key, unit):016x}", arm_of(key, Decimal(share), unit)) == (hashed, arm)
        assert muniment.assigned(key, 1 - Fraction(share), unit) == arm
        by_hand = int.from_bytes(
            hashlib.sha256(b"muniment-ab/1\n" + key.encode() + b"\n" + unit.encode()).digest()[:8], "big"
        )
        exact = Fraction(by_hand, 2**64) < 1 - Fraction(share)
        assert (f"{by_hand:016x}", exact) == (hashed, arm == "champion"), "from the published text alone"


@given(
    unit=st.text(st.characters(exclude_categories=["Cs"]), max_size=60), share=st.decimals("0.001", "0.999", places=3)
)
def test_the_command_and_the_server_give_the_same_arm(unit: str, share: Decimal) -> None:
    assert muniment.assigned(KEY, 1 - Fraction(share), unit) == arm_of(KEY, share, unit)


def test_a_unit_meets_one_arm_and_keeps_it_as_the_share_grows() -> None:
    """A share that grows takes units over from the champion; no unit goes the other way."""
    shares = [Decimal(n) / 20 for n in range(1, 20)]
    for n in range(500):
        arms = [arm_of(KEY, share, f"unit-{n}") for share in shares]
        assert arms == sorted(arms, reverse=False, key=["champion", "challenger"].index)


def test_the_edge_is_compared_exactly() -> None:
    """A share just beside a unit's place decides it, where doubles would call both sides the same."""
    unit = "unit-1"
    champion = Fraction(place(KEY, unit), SPAN)
    assert muniment.assigned(KEY, champion, unit) == "challenger"
    assert muniment.assigned(KEY, champion + Fraction(1, 10**30), unit) == "champion"


def test_a_million_units_are_spread_evenly_and_independently_between_trials(capsys: pytest.CaptureFixture[str]) -> None:
    """Chi-square over a hundred bins, and over the arms of two trials; printed. Fewer units than `soak` draws here."""
    _uniform(100_000, capsys)


@pytest.mark.soak
def test_a_million_units_are_spread_evenly_at_full_length(capsys: pytest.CaptureFixture[str]) -> None:
    _uniform(1_000_000, capsys)


def _uniform(units: int, capsys: pytest.CaptureFixture[str]) -> None:
    bins, table = [0] * 100, [[0, 0], [0, 0]]
    half = SPAN // 2
    for n in range(units):
        first, second = place(KEY, str(n)), place(OTHER, str(n))
        bins[first * 100 // SPAN] += 1
        table[first >= half][second >= half] += 1
    even = stats.chisquare(bins).pvalue
    independent = stats.chi2_contingency(table, correction=False).pvalue
    with capsys.disabled():
        print(f"\n{units} units: uniform over 100 bins p = {even:.3f}; two trials independent p = {independent:.3f}")
    assert even > 0.001 and independent > 0.001


def test_the_command_assigns_without_asking_anybody() -> None:
    script = Path(muniment.__file__)
    call = [sys.executable, str(script), "assign", "--key", KEY, "--challenger-share", "0.5"]
    said = subprocess.run(
        [*call, "a", "b"], capture_output=True, text=True, check=True, env={}, timeout=PATIENCE
    ).stdout
    piped = subprocess.run(
        call, input="a\nb\n", capture_output=True, text=True, check=True, env={}, timeout=PATIENCE
    ).stdout
    assert said == piped == "".join(f"{u}\t{arm_of(KEY, Decimal('0.5'), u)}\n" for u in ("a", "b"))


def test_the_command_reads_units_as_they_are_whatever_the_locale() -> None:
    """A carriage return within a unit made two of it, and another locale other letters: other arms than the rule's."""
    call = [sys.executable, muniment.__file__, "assign", "--key", KEY, "--challenger-share", "0.5"]
    latin = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    units = ["a\rb", "Zoë", "고객-7", " a ", "", "\u2028", "x\x0cy"]
    piped = subprocess.run(
        call, input="\n".join(units).encode(), capture_output=True, check=True, env=latin, timeout=PATIENCE
    )
    arms = [line.rpartition(b"\t")[2].decode() for line in piped.stdout.split(b"\n")[:-1]]
    assert arms == [arm_of(KEY, Decimal("0.5"), unit) for unit in units]
    for broken, says in ((b"a\r\nb\n", b"line 1 ends with a carriage return"), (b"a\n\xff\n", b"line 2 is not UTF-8")):
        refused = subprocess.run(call, input=broken, capture_output=True, env=latin, timeout=PATIENCE)
        assert refused.returncode == muniment.WRONG_USE and says in refused.stderr


@pytest.mark.parametrize("arguments", [
    ["--key", "short", "--challenger-share", "0.5"], ["--key", KEY, "--challenger-share", "1"],
    ["--key", KEY, "--challenger-share", "1/00"], ["--key", KEY, "--challenger-share", "nan"], ["--key", KEY],
])  # fmt: skip
def test_the_command_refuses_what_is_no_key_or_share(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert muniment.main(["assign", *arguments, "unit"]) == muniment.WRONG_USE
    assert capsys.readouterr().err
