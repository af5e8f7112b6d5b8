"""Personal data is found by looking: what must be found, what must not alarm, and how long it may take."""

import csv
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.client import muniment_identifiers as rules
from governance.client import muniment_names, muniment_personal
from governance.client.muniment_personal import PATTERNS, Find, at_least, category_of, find, masked, named_by
from lineage.vocabularies import standard
from tests.governance.client.test_identifiers import PUBLISHED

Draw = Callable[[random.Random], str]


def patterns(finds: list[Find]) -> list[str]:
    """The keys of the patterns found."""
    return [one.pattern for one in finds]


def digits(count: int) -> Draw:
    """Random digits."""
    return lambda r: "".join(r.choice("0123456789") for _ in range(count))


def passing(rule: Callable[[str], "bool | None"], draw: Draw) -> Draw:
    """Values of the shape that pass the rule."""

    def one(r: random.Random) -> str:
        while True:
            if rule(drawn := draw(r)):
                return drawn

    return one


def with_check(draw: Draw, rule: Callable[[str], "bool | None"], ends: list[str]) -> Draw:
    """Values of the shape, with the end that makes them pass."""

    def one(r: random.Random) -> str:
        while True:
            stem = draw(r)
            for end in ends:
                if rule(stem + end):
                    return stem + end

    return one


def dated(form: str, more: int) -> Draw:
    """A day between 1950 and 1999, and random digits."""
    return lambda r: (
        form.format(y=r.randrange(50, 100), Y=r.randrange(1950, 2000), m=r.randrange(1, 13), d=r.randrange(1, 29))
        + digits(more)(r)
    )


ENDS = [str(one) for one in range(10)]
PAIRS = [f"{one:02d}" for one in range(100)]
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
#: How a person's number is made up, by pattern.
PEOPLE: dict[str, Draw] = {
    "card": with_check(lambda r: r.choice(["4", "51", "37"]) + digits(12)(r), rules.card, ENDS + PAIRS),
    "kr_rrn": with_check(dated("{y:02d}{m:02d}{d:02d}1", 5), rules.korean_rrn, ENDS),
    "uk_nhs": with_check(digits(9), rules.uk_nhs, ENDS),
    "de_tax_id": with_check(lambda r: "".join(r.sample("123456789", 9)) + r.choice("123456789"), rules.german_tax_id, ENDS),
    "fr_nir": with_check(lambda r: r.choice("12") + f"{r.randrange(100):02d}{r.randrange(1, 13):02d}75" + digits(6)(r),
                         rules.french_nir, PAIRS),
    "es_dni": with_check(digits(8), rules.spanish_dni, list("TRWAGMYFPDXBNJZSQVHLCKE")),
    "pl_pesel": with_check(dated("{y:02d}{m:02d}{d:02d}", 4), rules.polish_pesel, ENDS),
    "se_personal_number": with_check(dated("{y:02d}{m:02d}{d:02d}", 3), rules.swedish_personal_number, ENDS),
    "nl_bsn": with_check(digits(8), rules.dutch_bsn, ENDS),
    "be_national_number": with_check(dated("{y:02d}{m:02d}{d:02d}", 3), rules.belgian_national_number, PAIRS),
    "in_aadhaar": with_check(lambda r: r.choice("23456789") + digits(10)(r), rules.aadhaar, ENDS),
    "br_cpf": with_check(digits(9), rules.brazilian_cpf, PAIRS),
    "cn_resident_id": with_check(lambda r: "110105" + dated("{Y}{m:02d}{d:02d}", 3)(r), rules.chinese_resident_id, [*ENDS, "X"]),
    "jp_my_number": with_check(digits(11), rules.japanese_my_number, ENDS),
    "sg_nric": with_check(lambda r: r.choice("STFG") + digits(7)(r), rules.singapore_nric, LETTERS),
    "us_ssn": passing(lambda one: rules.us_ssn(one.replace("-", "")), lambda r: f"{digits(3)(r)}-{digits(2)(r)}-{digits(4)(r)}"),
}  # fmt: skip
#: How to take the measure of a column: columns, values in each.
SHORT, LONG = (8, 200), (400, 1_000)


@pytest.mark.parametrize("pattern", list(PEOPLE))
def test_a_column_of_thirty_peoples_numbers_is_found_among_gaps(pattern: str) -> None:
    random_ = random.Random(pattern)
    values = [PEOPLE[pattern](random_) for _ in range(30)] + [None, "", "n/a", "unknown"]
    random_.shuffle(values)
    found = {one.pattern: one for one in find("value", values)}
    assert pattern in found
    assert (found[pattern].matched, found[pattern].looked_at, found[pattern].by) == (30, 33, "value")
    for shown in found[pattern].examples:
        assert not any(shown == one for one in values) and muniment_personal.DOT in shown


@pytest.mark.parametrize(("value", "pattern"), [
    ("jane.doe@example.com", "email"), ("김철수@example.co.kr", "email"), ("Write to jane@example.com, please.", "email"),
    ("GB82 WEST 1234 5698 7654 32", "iban"), ("pay to DE89370400440532013000 THANKS", "iban"),
    ("+44 20 7946 0018", "phone"), ("call +1-202-555-0123", "phone"), ("00:1A:2b:3c:4d:5E", "mac_address"),
    ("001a.2b3c.4d5e", "mac_address"), ("RSSMRA85T10A562S", "it_tax_code"),
])  # fmt: skip
def test_one_value_is_enough_where_nothing_else_looks_so(value: str, pattern: str) -> None:
    assert patterns(find("notes", [value, "nothing", "here"])) == [pattern]


@pytest.mark.parametrize(("values", "pattern"), [
    (["010-1234-5678", "010-9876-5432", "011-234-5678"], "phone_national"),
    (["(202) 555-0123", "202-555-0145", "1-202-555-0199"], "phone_national"),
    (["07700 900123", "020 7946 0018", "01632 960123"], "phone_national"),
    (["01 99 00 12 34", "06 39 98 12 34", "01.99.00.56.78"], "phone_national"),
    (["203.0.113.9", "198.51.100.7", "192.0.2.146"], "ip_address"),
    (["2001:db8::1", "2001:db8::2", "fe80::1"], "ipv6_address"),
    (["AB123456C", "JG 10 37 59 A", "ce123456d"], "uk_nino"),
    (["210105-3123456", "220305-4123456", "230731-3000001"], "kr_rrn"),
])  # fmt: skip
def test_three_values_of_a_looser_form_are_found_when_they_make_up_the_column(values: list[str], pattern: str) -> None:
    assert patterns(find("value", values)) == [pattern]
    assert patterns(find("value", values + ["something else"] * 7)) == []


@pytest.mark.parametrize(("name", "pattern"), [
    ("E-Mail", "email"), ("customerEmailAddress", "email"), ("고객_이메일", "email"), ("courriel", "email"),
    ("Telefonnummer", "phone"), ("휴대폰번호", "phone"), ("numéro de téléphone", "phone"), ("móvil", "phone"),
    ("ssn", "us_ssn"), ("주민등록번호", "kr_rrn"), ("マイナンバー", "jp_my_number"), ("NHS-Number", "uk_nhs"),
    ("first_name", "person_name"), ("firstName", "person_name"), ("Nachname", "person_name"), ("prénom", "person_name"),
    ("apellidos", "person_name"), ("성명", "person_name"), ("이름", "person_name"), ("氏名", "person_name"),
    ("home address", "address"), ("Straße", "address"), ("dirección", "address"), ("주소", "address"),
    ("Geburtsdatum", "birth_date"), ("date_of_birth", "birth_date"), ("생년월일", "birth_date"), ("PLZ", "postal_code"),
    ("ip_address", "ip_address"), ("passport_no", "passport"), ("Diagnosis", "health"), ("ethnicity", "ethnicity"),
    ("종교", "religion"), ("party_affiliation", "politics"),
])  # fmt: skip
def test_a_columns_name_is_a_find_in_several_languages(name: str, pattern: str) -> None:
    assert named_by(name) == {pattern}
    assert [(one.pattern, one.by, one.matched) for one in find(name, [])] == [(pattern, "name", 0)]


@pytest.mark.parametrize("name", [
    "email_sent", "has_email", "phone_count", "nPhone_n", "race_flag", "전화여부", "상품이름", "filename", "model_name",
    "amount", "v1", "", "   ", "_", "\x00\ud800", "mobile_app", "streetlight", "🙂" * 300, "x" * 100_000,
])  # fmt: skip
def test_a_count_a_flag_and_what_only_looks_so_are_none(name: str) -> None:
    assert named_by(name) == set()


def test_a_yes_no_column_is_no_telephone_number_but_a_coded_religion_is_one() -> None:
    assert find("telephone", ["yes", "none"] * 50) == []
    assert patterns(find("religion", [0, 1] * 50)) == ["religion"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("email_at", set()), ("phone_called_at", set()), ("street_cleaned_at", set()), ("passport_expiry", set()),
        ("health_check_at", set()), ("birth_date", {"birth_date"}), ("diagnosis_at", {"health"}),
    ],
)  # fmt: skip
def test_a_moment_is_no_address_or_number_whatever_its_column_is_called(name: str, found: set[str]) -> None:
    assert named_by(name, moments=True) == {one.pattern for one in find(name, [], moments=True)} == found


def test_a_date_of_birth_is_found_by_its_name_and_counted_by_its_values() -> None:
    (one,) = find("dob", ["1985-02-28", "1990-12-01", "unknown"])
    assert (one.pattern, one.matched, one.looked_at, one.by) == ("birth_date", 2, 3, "name and value")
    assert one.examples == ("1985-••-••", "1990-••-••")
    assert find("shipped", ["1985-02-28", "1990-12-01"]) == []


def test_numbers_that_came_as_decimals_are_read_and_measurements_are_not() -> None:
    cards = [f"{one}.0" for one in (PEOPLE["card"](random.Random(n)) for n in range(20))]
    assert patterns(find("v", cards)) == ["card"]
    assert find("v", [random.Random(n).random() for n in range(500)]) == []
    assert find("v", [random.Random(n).gauss(0, 1e12) for n in range(500)]) == []


def test_few_codes_that_happen_to_pass_do_not_alarm() -> None:
    """Two codes that pass the eleven-test by chance, in a million rows: two distinct values are no evidence."""
    assert find("branch", ["111222333", "123456782"] * 500) == []


def test_at_least_is_the_upper_tail_of_the_binomial_distribution() -> None:
    assert at_least(0, 10, 0.1) == 1.0
    assert at_least(10, 10, 0.1) == pytest.approx(1e-10)
    assert at_least(1, 2, 0.5) == pytest.approx(0.75)
    assert at_least(150, 1000, 0.1) == pytest.approx(3.5e-7, rel=0.3)  # scipy.stats.binom.sf(149, 1000, 0.1)


def alarms(draw: Draw, columns: int, values: int) -> int:
    """In how many columns of such values something was found."""
    random_ = random.Random(columns)
    return sum(bool(find("value", [draw(random_) for _ in range(values)])) for _ in range(columns))


WORDS = "risk score account branch amount number monthly balance COMPUTER HOSPITAL INTEREST SOFTWARE NATIONAL EXCHANGE".split()  # noqa: SIM905
#: Columns that hold nobody's data.
NOBODY: dict[str, Draw] = {
    **{f"{n} digits": digits(n) for n in (8, 9, 10, 11, 12, 13, 15, 16, 18)},
    "order numbers that begin with a date": dated("{Y}{m:02d}{d:02d}", 6),
    "order numbers like a Korean number": dated("{y:02d}{m:02d}{d:02d}-", 7),
    "timestamps": lambda r: f"{r.randrange(2000, 2026)}-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d} 10:{r.randrange(60):02d}:00",
    "epochs": lambda r: str(r.randrange(1_500_000_000_000, 1_800_000_000_000)),
    "words": lambda r: r.choice(WORDS),
    "capitals": lambda r: "".join(r.choice(LETTERS) for _ in range(8)),
    "sentences": lambda r: " ".join(r.choice(WORDS) for _ in range(12)),
    "part numbers": lambda r: f"{digits(3)(r)}-{digits(2)(r)}-{digits(4)(r)}",
    "versions": lambda r: ".".join(str(r.randrange(20)) for _ in range(4)),
    "hexadecimal": lambda r: f"{r.getrandbits(128):032x}",
    "UUIDs": lambda r: (lambda h: f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}")(f"{r.getrandbits(128):032x}"),
    "codes with a country": lambda r: r.choice(["SE", "NO", "DE"]) + digits(22)(r),
    "EAN-13": lambda r: (lambda d: d + str(-sum(int(x) * (1, 3)[n % 2] for n, x in enumerate(d)) % 10))("40" + digits(10)(r)),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(NOBODY))
def test_columns_without_people_do_not_alarm(kind: str) -> None:
    assert alarms(NOBODY[kind], *SHORT) == 0


@pytest.mark.soak
@pytest.mark.parametrize("kind", list(NOBODY))
def test_columns_without_people_do_not_alarm_in_hundreds_of_columns(kind: str) -> None:
    found = alarms(NOBODY[kind], *LONG)
    print(f"\n{kind}: {found} alarms in {LONG[0]} columns of {LONG[1]} values")
    assert found == 0


@pytest.mark.soak
@pytest.mark.parametrize("pattern", list(PEOPLE))
def test_columns_of_people_are_found_at_every_size(pattern: str) -> None:
    """Detection by how many persons' numbers a column holds; from twenty on always."""
    random_ = random.Random(pattern)
    for size in (5, 10, 20, 50):
        tries = 100
        found = sum(
            pattern in patterns(find("value", [PEOPLE[pattern](random_) for _ in range(size)])) for _ in range(tries)
        )
        print(f"\n{pattern}: {found} of {tries} columns with {size} numbers")
        assert found == tries or size < 20


HOSTILE = {
    "letters": "a" * 10**6, "ats": "@" * 10**6, "locals": "a@" * 500_000, "domains": "a." * 250_000 + "@" + "a." * 250_000,
    "plus": "+1 " * 300_000, "digits": "1" * 10**6, "groups": "1-" * 500_000, "countries": "DE89 " + "A1 " * 300_000,
    "colons": ":" * 10**6, "hyphens": "x@" + "a-" * 500_000, "spaces": " " * 10**6, "zeros": "0.0" * 300_000,
    "combining": "é" * 500_000, "surrogates": "\ud800" * 10**6,
}  # fmt: skip


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_megabyte_in_a_value_or_a_name_takes_no_time(kind: str) -> None:
    start = time.process_time()
    find("value", [HOSTILE[kind]] * 20)
    find(HOSTILE[kind], ["x"])
    assert time.process_time() - start < 0.5


def test_a_million_values_cost_no_more_than_a_thousand() -> None:
    seen = 0

    def endless() -> object:
        nonlocal seen
        while True:
            seen += 1
            yield f"{seen}@example.com"

    assert find("v", endless())[0].looked_at == muniment_personal.MOST_VALUES
    assert seen <= muniment_personal.MOST_VALUES + 1


@given(st.text(max_size=300), st.lists(st.none() | st.text(max_size=80) | st.floats() | st.integers() | st.booleans()))
def test_whatever_the_values_are_it_answers_and_shows_none_of_them(name: str, values: list[object]) -> None:
    for one in find(name, values):
        assert 0 <= one.matched <= one.looked_at <= len(values)
        assert 0 <= one.share <= 1 and one.by and len(one.examples) <= 3
        assert category_of(one.pattern) == one.category
        assert not {shown for shown in one.examples if len(shown) > 4} & {str(value) for value in values}


@given(st.sampled_from(sorted(PATTERNS)), st.text(max_size=200))
def test_a_masked_value_is_short_and_keeps_at_most_four_characters(pattern: str, value: str) -> None:
    shown = masked(pattern, value)
    assert len(shown) <= 100
    if pattern not in ("email", "birth_date"):
        assert len(shown) <= 24 and sum(one.isalnum() for one in shown) <= 2


def test_masked_values_keep_their_form() -> None:
    assert masked("email", "jane.doe@mail.example.com") == "j•••@•••.com"
    assert masked("card", "4111 1111 1111 1111") == "•••• •••• •••• ••11"
    assert masked("kr_rrn", "800101-1234560") == "••••••-•••••60"
    assert masked("iban", "GB82 WEST 1234 5698 7654 32 AND MORE WORDS THAN ONE")[0] == "•"


def test_every_category_is_a_term_of_the_vocabulary() -> None:
    with (standard.FOLDER / "personal-data.csv").open() as lines:
        known = {row["term"] for row in csv.DictReader(lines)}
    assert {one.category for one in PATTERNS.values()} | {muniment_personal.GENERAL} <= known


def test_every_pattern_has_a_title_and_a_way_to_be_found() -> None:
    for key, one in PATTERNS.items():
        assert one.title and (one.shape or one.inside or one.kind == "name" or key == "email")
        assert 0 <= one.chance < 1


def test_numbers_published_as_examples_are_found_under_their_own_pattern_when_the_name_says_so() -> None:
    (one,) = [x for x in find("Kreditkartennummer", PUBLISHED["card"]) if x.pattern == "card"]
    assert (one.matched, one.by) == (len(PUBLISHED["card"]), "name and value")


def test_the_three_files_alone_are_the_whole_program(tmp_path: Path) -> None:
    """-I -S: no site-packages and nothing of the product."""
    for module in (muniment_personal, rules, muniment_names):
        source = Path(module.__file__ or "")
        (tmp_path / source.name).write_bytes(source.read_bytes())
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import muniment_personal as p; print(p.find('x', ['a@b.org']))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert "email" in done.stdout
