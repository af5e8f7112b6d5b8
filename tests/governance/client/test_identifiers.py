"""Check digits against numbers that their issuers publish, and against one digit changed."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.client import muniment_identifiers as rules

Check = Callable[[str], "bool | None"]

#: Published examples: payment networks' test numbers, the IBAN Registry, tax and interior ministries, and what stands in
#: the literature on each number. None belongs to a person.
PUBLISHED: dict[str, list[str]] = {
    "card": ["4111111111111111", "5555555555554444", "2223003122003222", "378282246310005", "6011111111111117",
             "3530111333300000", "30569309025904"],
    "iban": ["GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947",
             "NL91ABNA0417164300", "MT84MALT011000012345MTLCAST001S"],
    "bic": ["DEUTDEFF500", "NEDSZAJJ"],
    "korean_rrn": ["8001011234560"],
    "us_ssn": ["219099998"],
    "uk_nino": ["AB123456C"],
    "uk_nhs": ["9434765919", "4010232137"],
    "german_tax_id": ["86095742719", "47036892816", "65929970489", "36574261809"],
    "french_nir": ["255081416802538", "295109912611193", "253072B07300470"],
    "spanish_dni": ["12345678Z", "54362315K", "X2482300W", "X1234567L"],
    "italian_tax_code": ["RCCMNL83S18D969H", "RSSMRA85T10A562S"],
    "polish_pesel": ["44051401359"],
    "swedish_personal_number": ["8112289874", "6408233234", "8803200016"],
    "dutch_bsn": ["111222333", "123456782"],
    "belgian_national_number": ["85073003328", "17073003384"],
    "aadhaar": ["234123412346", "999941057058"],
    "brazilian_cpf": ["39053344705", "11144477735"],
    "chinese_resident_id": ["11010519491231002X", "440524188001010014"],
    "japanese_my_number": ["123456789018"],
    "singapore_nric": ["S1234567D", "T1234567J", "F1234567N", "G1234567X", "M1234567K"],
}  # fmt: skip
#: These find each single wrong digit. The others (two rests share a check digit, or two centuries a rule) find most.
DETECT_EACH = {
    "card", "iban", "uk_nhs", "german_tax_id", "french_nir", "spanish_dni", "italian_tax_code", "polish_pesel",
    "swedish_personal_number", "dutch_bsn", "aadhaar", "chinese_resident_id", "singapore_nric",
}  # fmt: skip
EXAMPLES = [(name, number) for name, numbers in PUBLISHED.items() for number in numbers]


def check(name: str) -> Check:
    """The rule of that name."""
    found: Check = getattr(rules, name)
    return found


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_published_numbers_are_valid(name: str, number: str) -> None:
    assert check(name)(number) is True


@given(st.sampled_from([one for one in EXAMPLES if one[0] in DETECT_EACH]), st.data())
def test_one_digit_changed_is_found_out(example: tuple[str, str], data: st.DataObject) -> None:
    name, number = example
    place = data.draw(st.sampled_from([n for n, one in enumerate(number) if one.isdigit()]))
    other = data.draw(st.sampled_from([one for one in "0123456789" if one != number[place]]))
    assert not check(name)(number[:place] + other + number[place + 1 :])


@pytest.mark.parametrize("name", ["korean_rrn", "brazilian_cpf", "japanese_my_number", "belgian_national_number"])
def test_most_single_changes_are_found_out_by_the_others(name: str) -> None:
    wrong = [
        number[:place] + other + number[place + 1 :]
        for number in PUBLISHED[name]
        for place in range(len(number))
        for other in "0123456789"
        if other != number[place]
    ]
    assert sum(check(name)(one) is True for one in wrong) <= 0.03 * len(wrong)


@given(st.text("0123456789", min_size=3, max_size=18))
def test_luhn_and_verhoeff_have_one_check_digit_for_each_number(digits: str) -> None:
    for rule in (rules.luhn, rules.verhoeff):
        assert sum(rule(f"{digits}{last}") for last in range(10)) == 1


def test_verhoeff_finds_neighbours_exchanged() -> None:
    assert rules.verhoeff("2363")  # the example of the literature
    assert not rules.verhoeff("2633")


def test_a_korean_number_of_a_birth_since_october_2020_cannot_be_checked() -> None:
    assert rules.korean_rrn("2010053123456") is None
    assert rules.korean_rrn("2010043123456") is not None
    assert rules.korean_rrn("2013053123456") is False  # no such month
    assert rules.korean_rrn("9912313123456") is False  # born in 2099


def test_a_foreigner_in_korea_has_another_base() -> None:
    # 8*2+0*3+0*4+1*5+0*6+1*7+5*8+1*9+2*2+3*3+4*4+5*5 = 131, 131 mod 11 = 10, (13 - 10) mod 10 = 3; of a citizen it were 1
    assert [last for last in range(10) if rules.korean_rrn(f"800101512345{last}")] == [3]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("us_ssn", "000123456"), ("us_ssn", "666123456"), ("us_ssn", "900123456"), ("us_ssn", "123006789"),
        ("us_ssn", "123450000"), ("uk_nino", "GB123456A"), ("uk_nino", "DA123456A"), ("uk_nhs", "0000000000"),
        ("dutch_bsn", "000000000"), ("brazilian_cpf", "11111111111"), ("german_tax_id", "01234567890"),
        ("aadhaar", "123412341234"), ("polish_pesel", "44053401358"), ("card", "9999999999999995"),
        ("iban", "XX8937040044053201"), ("bic", "DEUTXXFF"),
    ],
)  # fmt: skip
def test_what_was_never_given_is_not_valid(name: str, number: str) -> None:
    assert not check(name)(number)


@pytest.mark.parametrize(("text", "is_one"), [
    ("1985-02-28", True), ("28.02.1985", True), ("02/28/1985", True), ("19850228", True), ("1985-02-28T00:00:00Z", True),
    ("1985-02-30", False), ("2985-02-28", False), ("1785-02-28", False), ("31.31.1985", False),
])  # fmt: skip
def test_dates_of_birth_are_days_that_were(text: str, is_one: bool) -> None:
    assert rules.birth_date(text) is is_one


@pytest.mark.parametrize(("text", "is_one"), [
    ("192.168.0.1", True), ("8.8.8.8", False), ("1.4.0.2", False), ("256.1.1.1", False), ("203.0.113.9", True),
])  # fmt: skip
def test_an_address_of_small_numbers_is_taken_for_a_version(text: str, is_one: bool) -> None:
    assert rules.ipv4(text) is is_one


@pytest.mark.parametrize(("text", "is_one"), [
    ("2001:db8::1", True), ("2001:0db8:0000:0000:0000:ff00:0042:8329", True), ("12:30", False), ("12:30:45", False),
    ("::1:", False), ("1::2::3", False),
])  # fmt: skip
def test_an_ipv6_address_is_no_time(text: str, is_one: bool) -> None:
    assert rules.ipv6(text) is is_one


def test_random_digits_pass_about_as_often_as_the_table_says() -> None:
    random_ = random.Random(6)
    passed = sum(rules.luhn(f"{random_.randrange(10**16):016d}") for _ in range(20_000))
    assert abs(passed / 20_000 - 0.1) < 0.01
