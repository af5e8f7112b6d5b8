"""Terms of the field's vocabularies: read, checked on the way in, searched.

What is published stands in files (`standard`); what a house adds, in `VocabularyTerm`, by a recorded act. A term that
is neither is refused with the nearest ones: a misspelt forbidden purpose would forbid nothing. The database refuses it
too (lineage/sql/06_terms_known.sql), and places that there are not (`muniment.all_places`).
"""

import difflib
import re
from collections.abc import Iterable
from functools import cache

from django.db.models import Q
from django.utils.translation import gettext as _
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from governance import errors
from lineage.models import VocabularyTerm
from lineage.models.fields import GEOGRAPHY_PATTERN
from lineage.vocabularies.standard import (
    BLOCS,
    EXTENSIBLE,
    IRI_PREFIXES,
    SCHEMES,
    Term,
    countries,
    special_categories,
    terms_of,
    valid_token,
)

__all__ = [
    "BLOCS",
    "EXTENSIBLE",
    "SCHEMES",
    "SEARCHED_AT_MOST",
    "Term",
    "above",
    "countries",
    "geographies",
    "labels",
    "licence",
    "licences",
    "search",
    "special",
    "token",
    "tokens",
]

SEARCHED_AT_MOST = 1_000
_MISTAKEN = {"UK": "GB", "USA": "US", "DEU": "DE", "FRA": "FR", "GBR": "GB", "EL": "GR", "KOR": "KR", "JPN": "JP"}
_GEOGRAPHY = re.compile(GEOGRAPHY_PATTERN)
_VERSIONED = re.compile(r"^https://w3id\.org/dpv/[0-9][0-9.]*(?=[/#])")


def token(given: str, *, field: str, scheme: str) -> str:
    """A compact term of a scheme, from itself or its full IRI.

    Raises:
        errors.Invalid: no term; or none that is published or that the house has added: the nearest are named.
    """
    term = _VERSIONED.sub("https://w3id.org/dpv", given)
    for iri, prefix in IRI_PREFIXES.items():
        if term.startswith(iri):
            term = prefix + term.removeprefix(iri)
    if not valid_token(term):
        raise _refusal(
            field, _("Write a term as prefix:Name, such as dpv:ScientificResearch.") + _nearest(term, scheme)
        )
    if term not in terms_of(scheme) and term not in _own(scheme, term=term):
        raise _refusal(
            field,
            _("%(term)s is no term of this vocabulary (%(version)s), and none that your house has added.")
            % {"term": term, "version": SCHEMES[scheme].version}
            + _nearest(term, scheme),
        )
    return term


def tokens(given: Iterable[str], *, field: str, scheme: str) -> list[str]:
    """Terms, each once, in alphabetical order, so that the same set is the same content. Raises as `token`."""
    return sorted({token(one, field=field, scheme=scheme) for one in given})


def terms_known(given: Iterable[str], scheme: str) -> list[str]:
    """Those of the given words that are terms of a vocabulary, published or the house's own; in their order."""
    return [
        one
        for one in given
        if valid_token(one) and (one in terms_of(scheme) or one in _own(scheme, term=one, retired_too=False))
    ]


def special(category: str) -> bool:
    """Whether a category is special by law, by the published list or by what the house says of its own term."""
    if category in terms_of("personal-data"):
        return category in special_categories()
    own = _own("personal-data", term=category, retired_too=True).get(category)
    return own is not None and own.special


def above(term: str, scheme: str) -> list[str]:
    """A term and everything broader, nearest first, as `muniment.terms_above` works it out."""
    found: dict[str, None] = {}
    waiting = [term]
    while waiting:
        here = waiting.pop(0)
        if here in found:
            continue
        found[here] = None
        known = terms_of(scheme).get(here) or _own(scheme, term=here, retired_too=True).get(here)
        waiting.extend(known.broader if known else ())
    return list(found)


def search(scheme: str = "", wanted: str = "", *, limit: int = 25) -> list[Term]:
    """Terms whose name, label or definition holds every word of `wanted`, names first; the house's own among them."""
    schemes = [scheme] if scheme else list(SCHEMES)
    words = wanted.casefold().split()
    found = [
        one
        for name in schemes
        for one in [*_own(name).values(), *terms_of(name).values()]
        if all(word in f"{one.term} {one.label} {one.definition}".casefold() for word in words)
    ]
    if words:
        found.sort(key=lambda one: (not all(w in f"{one.term} {one.label}".casefold() for w in words), len(one.term)))
    return found[: min(limit, SEARCHED_AT_MOST)]


def labels(scheme: str) -> dict[str, str]:
    """Label by term, for pages: published ones and the house's own."""
    return {one.term: one.label for one in [*terms_of(scheme).values(), *_own(scheme, retired_too=True).values()]}


def in_words(term: str, scheme: str) -> str:
    """A term for people: its label and itself. Asks the database only where it is none that is published."""
    known = terms_of(scheme).get(term) or _own(scheme, term=term, retired_too=True).get(term)
    return f"{known.label} ({term})" if known is not None and known.label else term


def geographies(given: Iterable[str], *, field: str) -> list[str]:
    """ISO 3166 codes or blocs, each once, in alphabetical order. Of a subdivision the country is looked up, not itself.

    A code that stands for nothing would forbid nothing, and permit where nobody is.

    Raises:
        errors.Invalid: something that is no such code; where it is a country's name, its code is named.
    """
    codes = sorted({one.upper() for one in given})
    for code in codes:
        country, _dash, _part = code.partition("-")
        if not _GEOGRAPHY.fullmatch(code) or not (country in countries() or code in BLOCS):
            sentence = _("Write ISO 3166 codes such as DE or US-CA, or a bloc such as EU.")
            meant = {name.upper(): key for key, name in countries().items()} | _MISTAKEN
            if country in meant or code in meant:
                sentence += " " + _("Did you mean %(code)s?") % {"code": meant.get(code) or meant[country]}
            raise _refusal(field, sentence)
    return codes


def licence(given: str, *, field: str = "licence") -> str:
    """An SPDX licence expression in its canonical spelling; LicenseRef-… for a document of one's own.

    Raises:
        errors.Invalid: neither an SPDX licence nor a reference; the nearest licences are named.
    """
    try:
        return str(canonicalize_license_expression(given))
    except InvalidLicenseExpression:
        sentence = _("Write an SPDX licence such as CC-BY-4.0, or LicenseRef-… with the document's digest.")
        raise _refusal(field, sentence + _nearest(given, "licence")) from None


@cache
def licences() -> dict[str, str]:
    """Name by SPDX id, without those that SPDX has deprecated."""
    return {one.term: one.label for one in terms_of("licence").values() if not one.definition}


def _own(scheme: str, *, term: str = "", retired_too: bool = False) -> dict[str, Term]:
    """The house's own terms of a scheme; one of them where `term` is given."""
    if scheme not in EXTENSIBLE:
        return {}
    wanted = Q(scheme=scheme) & (Q(term=term) if term else Q()) & (Q() if retired_too else Q(retired=False))
    return {
        one.term: Term(scheme, one.term, one.label, tuple(one.broader), one.definition, one.special)
        for one in VocabularyTerm.objects.filter(wanted).order_by("term")
    }


def _nearest(given: str, scheme: str) -> str:
    """A sentence that names the terms nearest to what was written, or nothing."""
    names = {one.term.rpartition(":")[2].casefold(): one.term for one in terms_of(scheme).values()}
    names |= {one.label.casefold().replace(" ", ""): one.term for one in terms_of(scheme).values()}
    names |= {one.rpartition(":")[2].casefold(): one for one in _own(scheme)}
    bare = given.rpartition(":")[2].casefold().replace(" ", "")
    close = difflib.get_close_matches(bare, names, n=4, cutoff=0.7)
    close += [name for name in names if len(bare) > 3 and bare in name and name not in close]
    nearest = list(dict.fromkeys(names[one] for one in close))[:3]
    return " " + _("Nearest: %(terms)s.") % {"terms": ", ".join(nearest)} if nearest else ""


def _refusal(field: str, sentence: str) -> errors.Invalid:
    return errors.Invalid(sentence, errors={field: [sentence]})
