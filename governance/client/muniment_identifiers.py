"""Numbers that name a person, a card or an account: what their issuers say of valid ones, check digits above all.

Each function takes a value whose form is known already (its digits or capitals, without separators) and says whether it
can have been issued; None where the rule cannot tell. The source of the rule stands in each.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime


def _each(text: str) -> frozenset[str]:
    return frozenset(text.split())


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: double each second digit from the right, the sum of all digits divides by ten."""
    doubled = (sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _rows(text: str) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(map(int, row)) for row in text.split())


_VERHOEFF = _rows(
    "0123456789 1234067895 2340178956 3401289567 4012395678 5987604321 6598710432 7659821043 8765932104 9876543210"
)
_VERHOEFF_MOVES = _rows("0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258")


def verhoeff(digits: str) -> bool:
    """J. Verhoeff, Error Detecting Decimal Codes (1969): the dihedral group D5."""
    state = 0
    for place, one in enumerate(reversed(digits)):
        state = _VERHOEFF[state][_VERHOEFF_MOVES[place % 8][int(one)]]
    return state == 0


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(one) * weight for one, weight in zip(digits, weights, strict=False))


def is_day(year: int, month: int, day: int) -> bool:
    """Whether there was such a day, not before 1850 and not after today: somebody may be born on it."""
    try:
        return year >= 1850 and date(year, month, day) <= datetime.now(UTC).date()
    except ValueError:
        return False


def _is_day_of(six: str, *centuries: int) -> bool:
    """Whether YYMMDD is a day of one of the centuries."""
    year, month, day = int(six[:2]), int(six[2:4]), int(six[4:])
    return any(is_day(century + year, month, day) for century in centuries)


_LENGTHS = ("13", "14", "15", "16", "17", "18", "19")
#: First digits (from, to) of payment cards, and the lengths of the number.
_ISSUERS = (
    (("4", "4"), ("13", "16", "19")),  # Visa
    (("51", "55"), ("16",)),  # Mastercard
    (("2221", "2720"), ("16",)),
    (("34", "34"), ("15",)),  # American Express
    (("37", "37"), ("15",)),
    (("300", "305"), ("14", "16")),  # Diners Club
    (("36", "36"), ("14",)),
    (("38", "39"), ("14", "16")),
    (("6011", "6011"), ("16", "19")),  # Discover
    (("644", "659"), ("16", "19")),
    (("3528", "3589"), ("16", "17", "18", "19")),  # JCB
    (("62", "62"), ("16", "17", "18", "19")),  # UnionPay
    (("2200", "2204"), ("16", "17", "18", "19")),  # Mir
    (("5018", "5018"), _LENGTHS),  # Maestro
    (("5020", "5038"), _LENGTHS),
    (("6304", "6304"), _LENGTHS),
    (("6759", "6763"), _LENGTHS),
)


def card(digits: str) -> bool:
    """ISO/IEC 7812-1 check digit, and the ranges that the issuers publish."""
    return luhn(digits) and any(
        str(len(digits)) in lengths and first <= digits[: len(first)] <= last for (first, last), lengths in _ISSUERS
    )


_IBAN_LENGTHS = {
    one[:2]: int(one[2:])
    for one in _each(
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 "
        "EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 "
        "KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 "
        "PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 "
        "VA22 VG24 XK20 YE30"
    )
}


def iban(text: str) -> bool:
    """ISO 13616-1 with ISO 7064 MOD 97-10; lengths from the IBAN Registry (SWIFT). What follows is not read."""
    text = text[: _IBAN_LENGTHS.get(text[:2], 0)]
    if len(text) != _IBAN_LENGTHS.get(text[:2]):
        return False
    return int("".join(str(int(one, 36)) for one in text[4:] + text[:4])) % 97 == 1


_COUNTRIES = _each(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
    "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
    "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
)


def bic(text: str) -> bool:
    """ISO 9362: four letters, a country (ISO 3166-1), two characters of the place, three of the branch or none."""
    return text[4:6] in _COUNTRIES


def korean_rrn(digits: str) -> bool | None:
    """Korean resident registration number, and the registration number of foreigners (YYMMDD S NNNNNN).

    The seventh digit says century and sex (5 to 8: foreigners). Weights 2 to 9, 2 to 5; 11 less the rest by 11, for
    foreigners 13 less it, modulo 10. Numbers given from 5 October 2020 on end in random digits (Enforcement Rule of the
    Resident Registration Act, article 2, as amended): whoever was born then or later cannot be checked (None).
    """
    century = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900}.get(digits[6], 2000)
    year, month, day = century + int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if not is_day(year, month, day):
        return False
    if (year, month, day) >= (2020, 10, 5):
        return None
    base = 13 if digits[6] in "5678" else 11
    return (base - _weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(digits[12])


def us_ssn(digits: str) -> bool:
    """Social Security Administration: areas 000, 666 and 900 to 999, group 00 and serial 0000 were never given."""
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def uk_nino(text: str) -> bool:
    """HMRC National Insurance Manual NIM39110: letters and prefixes that are not given."""
    return (
        not (set(text[:2]) & set("DFIQUV"))
        and text[1] != "O"
        and text[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")
    )


def uk_nhs(digits: str) -> bool:
    """NHS Data Dictionary, NHS NUMBER: weights 10 to 2, 11 less the rest by 11; 11 is 0, and 10 is not given."""
    return (11 - _weighted(digits, range(10, 1, -1)) % 11) % 11 == int(digits[9]) and len(set(digits)) > 1


def german_tax_id(digits: str) -> bool:
    """Steuer-ID (AO § 139b; BZSt): one of the first ten digits stands there two or three times, ISO 7064 MOD 11,10."""
    times = sorted(digits[:10].count(one) for one in set(digits[:10]))
    if digits[0] == "0" or times[-1] not in (2, 3) or (len(times) > 1 and times[-2] > 1):
        return False
    product = 10
    for one in digits[:10]:
        product = ((int(one) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def french_nir(text: str) -> bool:
    """NIR (INSEE, décret 82-103): sex, month 1 to 12 or one of those for unknown ones, key 97 less the rest by 97."""
    number = text[:13].replace("2A", "19", 1).replace("2B", "18", 1) if text[5:7] in ("2A", "2B") else text[:13]
    month = int(text[3:5])
    return (1 <= month <= 12 or month >= 20) and number.isdigit() and 97 - int(number) % 97 == int(text[13:])


def spanish_dni(text: str) -> bool:
    """DNI and NIE (Ministerio del Interior, Orden INT/2058/2008): the rest by 23 is the letter; X, Y, Z are 0, 1, 2."""
    number = text[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


_ODD = dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True)) | dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)


def italian_tax_code(text: str) -> bool:
    """Codice fiscale (D.M. 23 dicembre 1976): the tables of odd and even places, the rest by 26 chooses the letter."""
    even = sum(int(one) if one.isdigit() else ord(one) - 65 for one in text[1:15:2])
    return chr(65 + (sum(_ODD[one] for one in text[0:15:2]) + even) % 26) == text[15]


def polish_pesel(digits: str) -> bool:
    """PESEL (ustawa o ewidencji ludności, art. 15): the month says the century; weights 1, 3, 7, 9."""
    century, month = divmod(int(digits[2:4]), 20)
    year = (1900, 2000, 2100, 2200, 1800)[century] + int(digits[:2])
    check = (10 - _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10
    return is_day(year, month, int(digits[4:6])) and check == int(digits[10])


def swedish_personal_number(digits: str) -> bool:
    """Personnummer (Skatteverket SKV 704), coordination number with 60 added to the day (SKV 707): Luhn on ten."""
    six = digits[-10:-4]
    day = int(six[4:]) - (60 if int(six[4:]) > 60 else 0)
    centuries = (int(digits[:2]) * 100,) if len(digits) == 12 else (1800, 1900, 2000)
    return luhn(digits[-10:]) and _is_day_of(f"{six[:4]}{day:02d}", *centuries)


def dutch_bsn(digits: str) -> bool:
    """BSN (Logisch Ontwerp BSN, RvIG): the eleven-test with weights 9 to 2 and -1."""
    return _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and len(set(digits)) > 1


def belgian_national_number(digits: str) -> bool:
    """Rijksregisternummer (K.B. 3 April 1984): 97 less the rest by 97, from 2000 on with a 2 in front; also bis."""
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    check = int(digits[9:])
    return month <= 12 and day <= 31 and check in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def aadhaar(digits: str) -> bool:
    """Aadhaar (UIDAI numbering scheme): does not begin with 0 or 1, no palindrome, Verhoeff."""
    return digits[0] not in "01" and digits != digits[::-1] and verhoeff(digits)


def brazilian_cpf(digits: str) -> bool:
    """CPF (Receita Federal): two check digits, weights 10 to 2 and 11 to 2, modulo 11; ten alike are not given."""
    first = _weighted(digits, range(10, 1, -1)) * 10 % 11 % 10
    second = _weighted(digits, range(11, 1, -1)) * 10 % 11 % 10
    return len(set(digits)) > 1 and digits[9:] == f"{first}{second}"


_PROVINCES = _each(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
)


def chinese_resident_id(text: str) -> bool:
    """GB 11643-1999: province (GB/T 2260), date of birth, ISO 7064 MOD 11-2."""
    if text[:2] not in _PROVINCES or not is_day(int(text[6:10]), int(text[10:12]), int(text[12:14])):
        return False
    return "10X98765432"[sum(int(one) * pow(2, 17 - n, 11) for n, one in enumerate(text[:17])) % 11] == text[17]


def japanese_my_number(digits: str) -> bool:
    """Individual Number (Ministry of Internal Affairs, Ordinance 85 of 2014, article 5): weights 6 to 2, 7 to 2."""
    rest = _weighted(digits, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest <= 1 else 11 - rest) == int(digits[11])


def singapore_nric(text: str) -> bool:
    """NRIC and FIN (ICA; the letters as commonly published): weights 2, 7, 6, 5, 4, 3, 2; T and G add 4, M adds 3."""
    rest = (_weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(text[0], 0)) % 11
    if text[0] == "M":
        return "KLJNPQRTUWX"[10 - rest] == text[8]
    return ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[rest] == text[8]


def ipv4(text: str) -> bool:
    """RFC 791: four numbers up to 255. All of them below 32 are taken for a version, as in 1.4.0.2."""
    parts = [int(one) for one in text.split(".")]
    return all(one <= 255 for one in parts) and any(one >= 32 for one in parts)


def ipv6(text: str) -> bool:
    """RFC 4291. A time such as 12:30:45 is none."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def birth_date(text: str) -> bool:
    """A day on which somebody may be born: year first, or last; day and month in either order."""
    found = re.match(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?!\d)", text)
    if found:
        year, month, day = map(int, found.groups())
        return is_day(year, month, day)
    last = re.match(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)", text)
    if not last:
        return False
    one, other, year = map(int, last.groups())
    return is_day(year, one, other) or is_day(year, other, one)
