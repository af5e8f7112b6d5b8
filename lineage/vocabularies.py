"""Terms of the field's vocabularies: their form, and the names used here often enough to catch a slip of the pen.

A misspelt forbidden purpose forbids nothing, so a name close to a known one is refused. Names that are merely not
listed pass: the whole of DPV is larger, and houses have terms of their own (``bank:CreditScoring``).
"""

import difflib
import re
from collections.abc import Iterable

from django.utils.translation import gettext as _
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from governance import errors
from lineage.models.fields import GEOGRAPHY_PATTERN, TOKEN_PATTERN

IRI_PREFIXES: dict[str, str] = {
    "https://w3id.org/dpv#": "dpv:",
    "https://w3id.org/dpv/pd#": "pd:",
    "https://w3id.org/dpv/legal/eu/gdpr#": "eu-gdpr:",
}
"""Full IRIs and what they are stored as."""

PURPOSES: tuple[str, ...] = (
    "dpv:AcademicResearch",
    "dpv:Advertising",
    "dpv:CommercialResearch",
    "dpv:CreditChecking",
    "dpv:CustomerCare",
    "dpv:CustomerManagement",
    "dpv:CustomerSolvencyMonitoring",
    "dpv:DirectMarketing",
    "dpv:FraudPreventionAndDetection",
    "dpv:HumanResourceManagement",
    "dpv:IdentityVerification",
    "dpv:ImproveExistingProductsAndServices",
    "dpv:LegalCompliance",
    "dpv:MaintainCreditRatingDatabase",
    "dpv:Marketing",
    "dpv:NonCommercialResearch",
    "dpv:OrganisationGovernance",
    "dpv:OrganisationRiskManagement",
    "dpv:Personalisation",
    "dpv:PersonalisedAdvertising",
    "dpv:PersonnelHiring",
    "dpv:PersonnelManagement",
    "dpv:PublicBenefit",
    "dpv:ResearchAndDevelopment",
    "dpv:ScientificResearch",
    "dpv:SellDataToThirdParties",
    "dpv:ServiceOptimisation",
    "dpv:ServicePersonalisation",
    "dpv:ServiceProvision",
    "dpv:TargetedAdvertising",
)
"""Purposes [DPV Purpose]."""

SPECIAL_CATEGORIES: frozenset[str] = frozenset(
    {
        "pd:Biometric",
        "pd:Disability",
        "pd:EthnicOrigin",
        "pd:Ethnicity",
        "pd:Genetic",
        "pd:Health",
        "pd:HealthHistory",
        "pd:HealthRecord",
        "pd:MedicalHealth",
        "pd:MentalHealth",
        "pd:PhysicalHealth",
        "pd:PoliticalAffiliation",
        "pd:PoliticalOpinion",
        "pd:Prescription",
        "pd:Race",
        "pd:Religion",
        "pd:ReligiousBelief",
        "pd:Sexual",
        "pd:SexualHistory",
        "pd:SexualPreference",
        "pd:TradeUnionMembership",
    }
)
"""Categories that are special by law, GDPR article 9(1) [DPV pd]; a flag on one is special whatever its sender says."""

CATEGORIES: tuple[str, ...] = (
    "dpv:PersonalData",
    "pd:Age",
    "pd:BirthDate",
    "pd:Contact",
    "pd:CreditCapability",
    "pd:CreditScore",
    "pd:EmailAddress",
    "pd:Financial",
    "pd:Gender",
    "pd:Identifying",
    "pd:Income",
    "pd:Location",
    "pd:Name",
    "pd:Nationality",
    "pd:TelephoneNumber",
    *sorted(SPECIAL_CATEGORIES),
)
"""Categories of personal data [DPV pd]."""

_TOKEN = re.compile(TOKEN_PATTERN)
_GEOGRAPHY = re.compile(GEOGRAPHY_PATTERN)


def token(given: str, *, field: str, known: Iterable[str] = ()) -> str:
    """A compact term, from itself or its full IRI.

    Raises:
        errors.Invalid: no term, or one letter away from a known one.
    """
    term = given
    for iri, prefix in IRI_PREFIXES.items():
        if given.startswith(iri):
            term = prefix + given.removeprefix(iri)
    if not _TOKEN.fullmatch(term):
        raise _refusal(field, _("Write a term as prefix:Name, such as dpv:ScientificResearch."))
    listed = tuple(known)
    if term not in listed and (close := difflib.get_close_matches(term, listed, n=1, cutoff=0.93)):
        raise _refusal(field, _("%(term)s is unknown; is %(close)s meant?") % {"term": term, "close": close[0]})
    return term


def tokens(given: Iterable[str], *, field: str, known: Iterable[str] = ()) -> list[str]:
    """Terms, each once, in alphabetical order, so that the same set is the same content. Raises as `token`."""
    listed = tuple(known)
    return sorted({token(one, field=field, known=listed) for one in given})


def geographies(given: Iterable[str], *, field: str) -> list[str]:
    """ISO 3166 codes or blocs, each once, in alphabetical order.

    Raises:
        errors.Invalid: something that is no such code.
    """
    codes = sorted({one.upper() for one in given})
    for code in codes:
        if not _GEOGRAPHY.fullmatch(code):
            raise _refusal(field, _("Write ISO 3166 codes such as DE or US-CA, or a bloc such as EU."))
    return codes


def licence(given: str, *, field: str = "licence") -> str:
    """An SPDX licence expression in its canonical spelling; LicenseRef-… for a document of one's own.

    Raises:
        errors.Invalid: neither an SPDX licence nor a reference.
    """
    try:
        return str(canonicalize_license_expression(given))
    except InvalidLicenseExpression:
        raise _refusal(
            field, _("Write an SPDX licence such as CC-BY-4.0, or LicenseRef-… with the document's digest.")
        ) from None


def _refusal(field: str, sentence: str) -> errors.Invalid:
    return errors.Invalid(sentence, errors={field: [sentence]})
