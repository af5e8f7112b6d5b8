"""The field's vocabularies as they are published, read from the files beside this one.

Each file is one scheme: term, label, the broader terms of the same scheme, and the definition. `SCHEMES` names for each
its version, source and licence. `lineage/sql/05_vocabularies.sql` is written from these files, so that the database
checks what the forms offer (`manage.py vocabulary_sql`; a test holds the two equal).
"""

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from lineage.models.fields import TOKEN_PATTERN

FOLDER = Path(__file__).parent

_DPV = "https://w3id.org/dpv/2.0"
_W3C = "W3C Software and Document License"


class Scheme(NamedTuple):
    """One published list: what it is of, which version, whence, under which licence.

    `extensible`: a house may add terms of its own by a recorded act. `iri`: what stands for each prefix.
    """

    name: str
    title: object
    version: str
    source: str
    licence: str
    extensible: bool


SCHEMES: dict[str, Scheme] = {
    one.name: one
    for one in (
        Scheme("purpose", _("Purposes of use"), "DPV 2.0", f"{_DPV}#vocab-purposes", _W3C, True),
        Scheme("personal-data", _("Categories of personal data"), "DPV PD 2.0", f"{_DPV}/pd", _W3C, True),
        Scheme("data-subject", _("Whom data is about"), "DPV 2.0", f"{_DPV}#vocab-entities", _W3C, True),
        Scheme("processing", _("Kinds of processing"), "DPV 2.0", f"{_DPV}#vocab-processing", _W3C, False),
        Scheme("consent-status", _("Where consent stands"), "DPV 2.0", f"{_DPV}#vocab-consent", _W3C, False),
        Scheme("legal-basis", _("Lawfulness, GDPR article 6"), "DPV EU-GDPR 2.0", f"{_DPV}/legal/eu/gdpr", _W3C, False),
        Scheme(
            "special-condition",
            _("Special categories, GDPR article 9"),
            "DPV EU-GDPR 2.0",
            f"{_DPV}/legal/eu/gdpr",
            _W3C,
            False,
        ),
        Scheme("odrl-action", _("Actions of a licence"), "ODRL 2.2", "https://www.w3.org/TR/odrl-vocab/", _W3C, False),
        Scheme("licence", _("Licences"), "SPDX License List 3.27.0", "https://spdx.org/licenses/", "CC0-1.0", False),
        Scheme(
            "dta-confidentiality",
            _("Regulated information"),
            "D&TA Data Provenance Standards 1.0.0",
            "https://dataandtrustalliance.org/work/data-provenance-standards",
            "names only",
            False,
        ),
    )
}

EXTENSIBLE: tuple[str, ...] = tuple(name for name, scheme in SCHEMES.items() if scheme.extensible)

IRI_PREFIXES: dict[str, str] = {
    "https://w3id.org/dpv#": "dpv:",
    "https://w3id.org/dpv/pd#": "pd:",
    "https://w3id.org/dpv/legal/eu/gdpr#": "eu-gdpr:",
    "http://www.w3.org/ns/odrl/2/": "odrl:",
    "http://creativecommons.org/ns#": "cc:",
}
"""Full IRIs and what they are stored as; DPV's IRIs also with a version (`https://w3id.org/dpv/2.0#…`)."""

PREFIXES: frozenset[str] = frozenset(IRI_PREFIXES.values()) | {"spdx:"}
"""Prefixes of published vocabularies: a house's own terms bear another."""


@cache
def countries() -> dict[str, str]:
    """Name by alpha-2 code [ISO 3166-1], with Kosovo's XK, which is user-assigned and in common use."""
    with (FOLDER / "country.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["label"] for row in csv.DictReader(file)} | {"XK": "Kosovo"}


BLOCS: frozenset[str] = frozenset({"EU", "EEA"})
"""Blocs, whose members `muniment.codes_over` knows."""

_TOKEN = re.compile(TOKEN_PATTERN)


def valid_token(given: str) -> bool:
    """Whether this has the form of a term, prefix:Name."""
    return _TOKEN.fullmatch(given) is not None


class Term(NamedTuple):
    """A term of a scheme. `special`: a category that is special by law, GDPR article 9(1)."""

    scheme: str
    term: str
    label: str
    broader: tuple[str, ...]
    definition: str
    special: bool

    @property
    def iri(self) -> str:
        """The full IRI; blank where the vocabulary has none."""
        if self.scheme == "licence":
            return f"https://spdx.org/licenses/{self.term}"
        for iri, prefix in IRI_PREFIXES.items():
            if self.term.startswith(prefix):
                return iri + self.term.removeprefix(prefix)
        return ""


#: Lineage and descent tell of ethnic origin, which article 9(1) names; DPV leaves this one out.
_ALSO_SPECIAL = frozenset({"pd:Ethnicity"})


@cache
def terms_of(scheme: str) -> dict[str, Term]:
    """The published terms of a scheme by name, in the file's order."""
    with (FOLDER / f"{scheme}.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["term"]: Term(
                scheme,
                row["term"],
                row["label"],
                tuple(row["broader"].split()),
                row["definition"],
                row.get("special") == "yes" or row["term"] in _ALSO_SPECIAL,
            )
            for row in csv.DictReader(file)
        }


@cache
def special_categories() -> frozenset[str]:
    """Categories that are special by law, whatever a sender says of them."""
    return frozenset(name for name, one in terms_of("personal-data").items() if one.special)


def sql() -> str:
    """The file lineage/sql/05_vocabularies.sql: terms of the extensible schemes with their broader ones, and places."""
    return "\n".join(_sql_lines()) + "\n"


def _sql_lines() -> Iterator[str]:
    yield "-- Written by `manage.py vocabulary_sql` from lineage/vocabularies/*.csv: terms, and what lies above each."
    yield "-- A function and not rows: the app cannot write it, and the guards' fingerprint covers it."
    yield "CREATE OR REPLACE FUNCTION muniment.published_terms(scheme text) RETURNS jsonb"
    yield "LANGUAGE plpgsql IMMUTABLE"
    yield "SET search_path = pg_catalog, pg_temp AS $$"
    yield "BEGIN"
    yield "  RETURN CASE scheme"
    for scheme in EXTENSIBLE:
        yield f"    WHEN '{scheme}' THEN '{{"
        found = list(terms_of(scheme).values())
        for place, one in enumerate(found, start=1):
            broader = ", ".join(f'"{above}"' for above in one.broader)
            yield f'"{one.term}": [{broader}]' + ("," if place < len(found) else "")
        yield "}'::jsonb"
    yield "  END;"
    yield "END $$;"
    yield ""
    yield "-- Categories of personal data that are special by law, GDPR article 9(1)."
    yield "CREATE OR REPLACE FUNCTION muniment.special_by_law(category text) RETURNS boolean LANGUAGE sql IMMUTABLE"
    yield "SET search_path = pg_catalog, pg_temp AS $$"
    yield "  SELECT category = ANY ('{" + ",".join(sorted(special_categories())) + "}'::text[])"
    yield "$$;"
    yield ""
    yield "-- Whether there is such a place: a country of ISO 3166-1 (or XK), a part of one, or a known bloc."
    yield "CREATE OR REPLACE FUNCTION muniment.known_place(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE"
    yield "SET search_path = pg_catalog, pg_temp AS $$"
    yield "BEGIN"
    yield "  RETURN place = ANY ('{" + ",".join(sorted(BLOCS)) + "}'::text[])"
    yield "    OR split_part(place, '-', 1) = ANY ('{" + ",".join(sorted(countries())) + "}'::text[]);"
    yield "END $$;"
