"""Personal data found by looking: at a column's name, and at a sample of its values.

    find("contact", ["ann@example.com", "n/a"])  ->  [Find(pattern="email", matched=1, looked_at=2, …)]

A find is a question to a data steward, no verdict: what is not found may be there all the same. What makes a find:

- `sure` patterns (an e-mail address, an IBAN) have a structure that nothing else has: one value is enough, if half of
  the distinct values of that structure pass what they are checked by.
- `checked` patterns are mostly digits with a check digit, which a random number passes with the chance stated in the
  table. They are found when at least half of the distinct values of their shape pass, and random digits would do as
  well with a probability of at most SIGNIFICANCE (upper tail of the binomial distribution over the distinct values).
  A date within them is not counted as evidence: order numbers begin with dates too.
- `weak` patterns (an address of four numbers, a telephone number in national form) are found when at least FEW distinct
  values and half of all have the form; where a rule excludes some of the form (`chance`: what is left), at least SOME
  distinct values and MOST_OF_ALL of those of the form.
- A column name that says so is a find by itself, unless a yes/no column or a count is meant ("has_email",
  "phone_count", a column with at most three distinct values).

This file, muniment_identifiers.py and muniment_names.py beside it, with Python 3.11 or later and nothing else, are the
whole program: the pipeline's command and the server use the same. The time is bounded: MOST_VALUES values, of each
MOST_CHARACTERS.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

if __package__:
    from governance.client import muniment_identifiers as rules
    from governance.client import muniment_names as names
else:  # copied or installed: the files lie side by side, and nothing of the product is imported
    import muniment_identifiers as rules  # type: ignore[import-not-found, no-redef]
    import muniment_names as names  # type: ignore[import-not-found, no-redef]

MOST_VALUES = 1_000
MOST_CHARACTERS = 4_096
MOST_NAME = 256
EXAMPLES = 3
SIGNIFICANCE = 1e-9
"""Chance at most that a column of random digits is found by one pattern: with 20 patterns and 10,000 columns of nothing
but random digits, one such table in 5,000 raises a false alarm."""
HALF = 0.5
MOST_OF_ALL = 0.95
FEW, SOME = 3, 10
DOT = "•"
GENERAL = "dpv:PersonalData"

#: Passes, fails, or the rule cannot tell (None).
Check = Callable[[str], "bool | None"]


@dataclass(frozen=True, slots=True)
class Find:
    """What a column seems to hold: the pattern, its DPV category, and of how many values it was seen in how many."""

    pattern: str
    category: str
    looked_at: int
    matched: int
    examples: tuple[str, ...] = ()
    by_name: bool = False

    @property
    def share(self) -> float:
        """Part of the values looked at that match, 0 to 1; 0 where none was looked at."""
        return self.matched / self.looked_at if self.looked_at else 0.0

    @property
    def by(self) -> str:
        """What gave it away: `name`, `value` or `name and value`."""
        return " and ".join(one for one, is_so in (("name", self.by_name), ("value", self.matched > 0)) if is_so)


SURE, CHECKED, WEAK, NAME = "sure", "checked", "weak", "name"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of personal data: how it looks, what it is checked by, how it is called.

    `shape` is of the whole value; `inside` is searched within longer text. `chance`: with which probability a random
    value of the shape passes the check. `kind` says what makes a find (see the module). `coded`: its name is a find
    also where the column holds two or three codes.
    """

    key: str
    category: str
    title: str
    kind: str
    shape: re.Pattern[str] | None = None
    check: Check | None = None
    chance: float = 0.0
    inside: re.Pattern[str] | None = None
    coded: bool = False


def _re(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII)


_ID = "pd:OfficialID"
_TABLE = (
    Pattern("email", "pd:EmailAddress", "e-mail address", SURE),
    Pattern("phone", "pd:TelephoneNumber", "telephone number", SURE,
            inside=_re(r"(?<![\w+])\+[1-9](?:[ .()/-]{0,2}\d){9,14}(?!\d)")),  # ITU-T E.164
    Pattern("phone_national", "pd:TelephoneNumber", "telephone number in national form", WEAK,
            _re(r"01[016789]-?\d{3,4}-\d{4}"  # Korea, mobile
                r"|02-\d{3,4}-\d{4}|0[3-6][1-5]-\d{3,4}-\d{4}"  # Korea, by area
                r"|(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}"  # North America (NANP)
                r"|0(?:7\d{3} \d{6}|7\d{3} \d{3} \d{3}|20 \d{4} \d{4}|1\d{3} \d{6}|1\d\d \d{3} \d{4})"  # United Kingdom
                r"|01[567]\d{1,2}[ /-]?\d{7,8}"  # Germany, mobile
                r"|0[1-9](?:[ .]\d\d){4}"  # France
                r"|[6-9]\d\d \d{3} \d{3}|[6-9]\d\d(?: \d\d){3}"  # Spain
                r"|0[789]0-\d{4}-\d{4}")),  # Japan, mobile
    Pattern("card", "pd:PaymentCardNumber", "payment card number", CHECKED, check=rules.card, chance=0.1,
            inside=_re(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w.])")),
    Pattern("iban", "pd:BankAccount", "bank account number (IBAN)", SURE, check=rules.iban, chance=1 / 97,
            inside=_re(r"(?<!\w)[A-Z]{2}\d\d(?: ?[A-Z0-9]){11,30}(?!\w)")),
    Pattern("bic", "pd:BankAccount", "bank code (BIC, SWIFT)", WEAK,
            _re(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?"), rules.bic, 0.37),
    Pattern("kr_rrn", _ID, "Korean resident registration number", CHECKED,
            _re(r"\d{6}[- ]?\d{7}"), rules.korean_rrn, 0.1),
    Pattern("us_ssn", _ID, "US social security number", WEAK,
            _re(r"\d{3}-\d\d-\d{4}"), rules.us_ssn, 0.89),
    Pattern("uk_nino", _ID, "UK national insurance number", WEAK,
            _re(r"[A-CEGHJ-PRSTW-Z][A-CEGHJ-NPRSTW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"), rules.uk_nino),
    Pattern("uk_nhs", "pd:HealthRecord", "UK NHS number", CHECKED,
            _re(r"\d{3}[ -]?\d{3}[ -]?\d{4}"), rules.uk_nhs, 1 / 11),
    Pattern("de_tax_id", _ID, "German tax identification number (Steuer-ID)", CHECKED,
            _re(r"\d\d ?\d{3} ?\d{3} ?\d{3}"), rules.german_tax_id, 0.1),
    Pattern("fr_nir", _ID, "French social security number (NIR)", CHECKED,
            _re(r"[1-478] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d"), rules.french_nir, 1 / 97),
    Pattern("es_dni", _ID, "Spanish identity number (DNI, NIE)", CHECKED,
            _re(r"(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]"), rules.spanish_dni, 1 / 23),
    Pattern("it_tax_code", _ID, "Italian tax code (codice fiscale)", SURE,
            _re(r"[A-Z]{6}[\dLMNP-V]{2}[ABCDEHLMPRST][\dLMNP-V]{2}[A-Z][\dLMNP-V]{3}[A-Z]"),
            rules.italian_tax_code, 1 / 26),
    Pattern("pl_pesel", _ID, "Polish PESEL", CHECKED, _re(r"\d{11}"), rules.polish_pesel, 0.1),
    Pattern("se_personal_number", _ID, "Swedish personal number", CHECKED,
            _re(r"(?:18|19|20)?\d{6}[-+]?\d{4}"), rules.swedish_personal_number, 0.1),
    Pattern("nl_bsn", _ID, "Dutch citizen service number (BSN)", CHECKED,
            _re(r"\d{9}"), rules.dutch_bsn, 1 / 11),
    Pattern("be_national_number", _ID, "Belgian national number", CHECKED,
            _re(r"\d\d\.?\d\d\.?\d\d-?\d{3}\.?\d\d"), rules.belgian_national_number, 2 / 97),
    Pattern("in_aadhaar", _ID, "Aadhaar number", CHECKED, _re(r"\d{4}[ -]?\d{4}[ -]?\d{4}"),
            rules.aadhaar, 0.1),
    Pattern("br_cpf", _ID, "Brazilian CPF", CHECKED, _re(r"\d{3}\.?\d{3}\.?\d{3}-?\d\d"), rules.brazilian_cpf, 0.01),
    Pattern("cn_resident_id", _ID, "Chinese resident identity number", CHECKED, _re(r"\d{17}[\dX]"),
            rules.chinese_resident_id, 1 / 11),
    Pattern("jp_my_number", _ID, "Japanese individual number (My Number)", CHECKED, _re(r"\d{4}[ -]?\d{4}[ -]?\d{4}"),
            rules.japanese_my_number, 0.1),
    Pattern("sg_nric", _ID, "Singapore NRIC or FIN", CHECKED, _re(r"[STFGM]\d{7}[A-Z]"), rules.singapore_nric,
            1 / 11),
    Pattern("ip_address", "pd:IPAddress", "IP address", WEAK,
            _re(r"\d{1,3}(?:\.\d{1,3}){3}"), rules.ipv4),
    Pattern("ipv6_address", "pd:IPAddress", "IP address", WEAK,
            _re(r"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}"), rules.ipv6),
    Pattern("mac_address", "pd:MACAddress", "MAC address", SURE,
            _re(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}")),
    Pattern("birth_date", "pd:BirthDate", "date of birth", NAME,
            _re(r"\d{4}[-/.]?\d{2}[-/.]?\d{2}(?:[T ][\d:.Z+-]*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}"), rules.birth_date),
    Pattern("passport", "pd:Passport", "passport number", NAME),
    Pattern("official_id", _ID, "identity document or licence number", NAME),
    Pattern("person_name", "pd:Name", "name of a person", NAME),
    Pattern("username", "pd:Username", "user name", NAME),
    Pattern("address", "pd:PhysicalAddress", "postal address", NAME),
    Pattern("postal_code", "pd:PostalCode", "postal code", NAME),
    Pattern("health", "pd:MedicalHealth", "health", NAME, coded=True),
    Pattern("disability", "pd:Disability", "disability", NAME, coded=True),
    Pattern("ethnicity", "pd:EthnicOrigin", "ethnic origin", NAME, coded=True),
    Pattern("religion", "pd:Religion", "religion", NAME, coded=True),
    Pattern("politics", "pd:PoliticalOpinion", "political opinion", NAME, coded=True),
    Pattern("trade_union", "pd:TradeUnionMembership", "trade union membership", NAME, coded=True),
    Pattern("sexual_life", "pd:SexualPreference", "sexual orientation", NAME, coded=True),
    Pattern("biometric", "pd:Biometric", "biometric data", NAME, coded=True),
    Pattern("genetic", "pd:Genetic", "genetic data", NAME, coded=True),
)  # fmt: skip
PATTERNS = {one.key: one for one in _TABLE}
"""By key, in the order of the table. A key keeps its meaning for good: profiles name it."""

_AT = _re(r"[\w.%+'-]")
_NUMBER = _re(r"[+-]?\d+\.\d+(?:[eE][+-]?\d+)?")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
#: Names of pictures at twice the size look like addresses: logo@2x.png.
_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "pdf", "js", "css"})
_SEPARATORS = str.maketrans("", "", " .-+()/")


def category_of(pattern: str) -> str:
    """The DPV category of a pattern; of one that this version does not know, personal data in general."""
    known = PATTERNS.get(pattern)
    return known.category if known else GENERAL


def find(name: str, values: Iterable[object], *, moments: bool = False) -> list[Find]:
    """What personal data a column seems to hold, in the order of the table. Never raises for what the values are.

    `name`: the column's name. `values`: a sample of its values, missing ones None; at most MOST_VALUES are looked at.
    `moments`: the column holds dates or times.
    """
    seen = {key: _Seen() for key, one in PATTERNS.items() if one.kind != NAME or one.shape}
    texts: list[str] = []
    for value in islice((one for one in values if one is not None), MOST_VALUES):
        texts.append(_plain(value))
    kept: dict[str, list[tuple[str, str, bool | None]]] = {}
    for text in texts:
        if text not in kept:
            kept[text] = list(_looks_like(text))
        for key in {key for key, _found, passes in kept[text] if passes is not False}:
            seen[key].matched += 1
    for marks in kept.values():
        for key, found, passes in marks:
            seen[key].add(found, passes)
    named = named_by(name, coded=0 < len(kept) <= FEW and len(texts) > FEW, moments=moments)
    finds = [
        Find(key, one.category, len(texts), seen[key].matched, seen[key].examples(key), key in named)
        if key in seen else Find(key, one.category, len(texts), 0, (), True)
        for key, one in PATTERNS.items()
        if key in named or (key in seen and one.kind != NAME and _speaks(one, seen[key], len(texts)))
    ]  # fmt: skip
    return _without_repetition(finds)


def named_by(name: str, *, coded: bool = False, moments: bool = False) -> set[str]:
    """The patterns that a column's name speaks of.

    `coded`: its values are two or three codes. `moments`: they are dates or times, so that `email_at` holds no address;
    a date of birth is one, and a date may say that somebody fell ill.
    """
    found = names.spoken_of(name[:MOST_NAME])
    if coded:
        return {key for key in found if PATTERNS[key].coded}
    return {key for key in found if PATTERNS[key].coded or key == "birth_date"} if moments else found


class _Seen:
    """What was seen of one pattern: distinct values that pass, that fail, that cannot be told; rows that match."""

    def __init__(self) -> None:
        self.passed: dict[str, None] = {}
        self.failed: set[str] = set()
        self.untold: dict[str, None] = {}
        self.matched = 0

    def add(self, found: str, passes: bool | None) -> None:
        if passes is False:
            self.failed.add(found)
        else:
            (self.untold if passes is None else self.passed)[found] = None

    def examples(self, key: str) -> tuple[str, ...]:
        masks = dict.fromkeys(masked(key, one) for one in islice((*self.passed, *self.untold), 50))
        return tuple(islice(masks, EXAMPLES))


def _looks_like(text: str) -> Iterable[tuple[str, str, bool | None]]:
    """Which patterns a value has the shape of: (key, the part that has it, whether it passes)."""
    if not text:
        return
    if "@" in text:
        yield from (("email", found, True) for found in _emails(text))
    digits = sum("0" <= one <= "9" for one in text)
    for one in _INSIDE if digits >= 10 else ():
        for match in islice(one.inside.finditer(text), 10) if one.inside else ():
            bare = match.group().translate(_SEPARATORS)
            yield one.key, match.group(), one.check(bare) if one.check else True
    if len(text) > 40:
        return
    upper = text.upper()
    for one in _WHOLE if digits else _LETTERS:
        given = upper if one.key in _ANY_CASE else text
        if one.shape is not None and one.shape.fullmatch(given):
            bare = given if one.key in _AS_IS else given.translate(_SEPARATORS)
            yield one.key, text, one.check(bare) if one.check else True


_INSIDE = tuple(one for one in _TABLE if one.inside)
_WHOLE = tuple(one for one in _TABLE if one.shape)
_LETTERS = tuple(one for one in _WHOLE if one.key in ("bic", "ipv6_address", "mac_address"))
_AS_IS = frozenset({"ip_address", "ipv6_address", "mac_address", "birth_date", "phone_national"})
_ANY_CASE = frozenset({"uk_nino", "fr_nir", "es_dni", "it_tax_code", "cn_resident_id", "sg_nric"})


def _emails(text: str) -> Iterable[str]:
    """RFC 5321 addresses as they are in use: from each @ to both sides, so that no text takes long."""
    at = text.find("@")
    for _ in range(10):
        if at < 0:
            return
        start = at
        while start > 0 and at - start < 64 and (_AT.match(text[start - 1]) or text[start - 1].isalpha()):
            start -= 1
        domain = _DOMAIN.match(text, at + 1, at + 257)
        is_file = domain is not None and domain.group().rpartition(".")[2].lower() in _FILES
        if domain and not is_file and text[start:at].strip(".") and not text[start:at].startswith("."):
            yield f"{text[start:at]}@{domain.group()}"
        at = text.find("@", at + 1)


def _speaks(pattern: Pattern, seen: _Seen, looked_at: int) -> bool:
    """Whether the values alone make a find."""
    passed = len(seen.passed)
    told = passed + len(seen.failed)
    if pattern.kind == SURE:
        return passed > 0 and passed >= HALF * told
    if pattern.kind == WEAK:
        enough = passed >= SOME and passed >= MOST_OF_ALL * told if pattern.chance else passed >= FEW
        return enough and seen.matched >= HALF * looked_at
    if passed and passed >= HALF * told:
        return at_least(passed, told, pattern.chance) <= SIGNIFICANCE
    # Numbers whose check digit says nothing: only where (nearly) all of the column is of that form.
    untold = len(seen.untold)
    return untold >= FEW and seen.matched >= MOST_OF_ALL * looked_at and not seen.failed


def at_least(passed: int, tried: int, chance: float) -> float:
    """Probability of `passed` or more of `tried` at `chance` each: upper tail of the binomial distribution, 0 to 1."""
    if passed <= 0 or chance >= 1:
        return 1.0
    logs = [
        math.lgamma(tried + 1) - math.lgamma(k + 1) - math.lgamma(tried - k + 1)
        + k * math.log(chance) + (tried - k) * math.log1p(-chance)
        for k in range(passed, tried + 1)
    ]  # fmt: skip
    most = max(logs)
    return min(1.0, math.exp(most) * math.fsum(math.exp(one - most) for one in logs))


def _without_repetition(finds: list[Find]) -> list[Find]:
    """One find of a category where the same is meant: the one seen in more values; by name where either was."""
    for weaker, stronger in (("phone_national", "phone"), ("ipv6_address", "ip_address")):
        both = {one.pattern: one for one in finds if one.pattern in (weaker, stronger)}
        if weaker in both and stronger in both:
            best = max(both.values(), key=lambda one: one.matched)
            merged = Find(
                best.pattern, best.category, best.looked_at, best.matched, best.examples, both[stronger].by_name
            )
            finds = [merged if one.pattern == best.pattern else one for one in finds
                     if one.pattern not in both or one.pattern == best.pattern]  # fmt: skip
    return finds


def masked(pattern: str, value: str) -> str:
    """A value so that its kind can be seen and its person cannot.

    Of an address its first character and the ending of its domain, of a date of birth the year, of anything else the
    last two letters or digits, at most 24 characters in all. What `is_masked` asks.
    """
    if pattern == "email":
        local, _at, domain = value.partition("@")
        return f"{local[:1]}{DOT * 3}@{DOT * 3}.{domain.rpartition('.')[2]}"
    if pattern == "birth_date":
        year = re.search(r"(?<!\d)\d{4}(?!\d)|^\d{4}", value)
        return f"{year.group() if year else DOT * 4}-{DOT * 2}-{DOT * 2}"
    kept = [n for n, one in enumerate(value) if one.isalnum()][-2:]
    shown = "".join(one if n in kept or _OPEN.match(one) else DOT for n, one in enumerate(value))
    return shown if DOT in shown and len(shown) <= 24 else DOT + shown[-23:]


def is_masked(text: str) -> bool:
    """Whether a text shows no more of a value than `masked` leaves. The server and its database refuse more."""
    if _MASKED_EMAIL.fullmatch(text) or _MASKED_DATE.fullmatch(text):
        return True
    return DOT in text and len(text) <= 24 and len(_OPEN.sub("", text)) <= 2


_OPEN = re.compile(r"[• ()+./:,;_-]")
_MASKED_EMAIL = re.compile(r"[^•@\s]?•{3}@•{3}\.[^•@.\s\d]{2,24}")
_MASKED_DATE = _re(r"(?:\d{4}|••••)-••-••")


def _plain(value: object) -> str:
    """The text of a value, cut off where looking would take long. A whole number that came as 1.0 is one."""
    text = (value if isinstance(value, str) else str(value))[:MOST_CHARACTERS].strip()
    if not _NUMBER.fullmatch(text):
        return text
    return text[:-2] if text.endswith(".0") else ""
