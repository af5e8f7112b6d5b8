"""Fields and conditions that several models share."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class DigestAlgorithm(models.TextChoices):
    """Digests strong enough to stand for content [SPDX HashAlgorithm]; MD5 and SHA-1 are not among them."""

    SHA256 = "sha256", "SHA-256"
    SHA384 = "sha384", "SHA-384"
    SHA512 = "sha512", "SHA-512"
    SHA3_256 = "sha3_256", "SHA3-256"
    SHA3_384 = "sha3_384", "SHA3-384"
    SHA3_512 = "sha3_512", "SHA3-512"
    BLAKE2B256 = "blake2b256", "BLAKE2b-256"
    BLAKE2B384 = "blake2b384", "BLAKE2b-384"
    BLAKE2B512 = "blake2b512", "BLAKE2b-512"
    BLAKE3 = "blake3", "BLAKE3"


DIGEST_HEX_LENGTHS: dict[str, int] = {
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
    "blake2b256": 64,
    "blake2b384": 96,
    "blake2b512": 128,
    "blake3": 64,
}
"""Hexadecimal characters of each algorithm's digest."""

TOKEN_PATTERN = r"^[a-z][a-z0-9-]{0,31}:[A-Za-z][A-Za-z0-9_-]{0,127}$"
"""A compact IRI such as ``dpv:ResearchAndDevelopment``, ``pd:MedicalHealth`` or ``eu-gdpr:A6-1-a`` [DPV]."""

GEOGRAPHY_PATTERN = r"^[A-Z]{2,3}(-[A-Z0-9]{1,3})?$"
"""ISO 3166-1 alpha-2, ISO 3166-2, or a bloc such as ``EU`` or ``EEA`` [D&TA]."""

NAME_PATTERN = r"^[^[:cntrl:][:space:]]([^[:cntrl:]]*[^[:cntrl:][:space:]])?$"
"""PostgreSQL's regular expression for a name: not blank, no control characters, no space at either end."""


def digest_condition() -> Q:
    """The CHECK for ``digest_algorithm`` and ``digest_value``: both blank, or lowercase hex of the right length."""
    condition = Q(digest_algorithm="", digest_value="")
    for length in sorted(set(DIGEST_HEX_LENGTHS.values())):
        algorithms = [name for name, size in DIGEST_HEX_LENGTHS.items() if size == length]
        condition |= Q(digest_algorithm__in=algorithms, digest_value__regex=rf"^[0-9a-f]{{{length}}}$")
    return condition


def digest_algorithm_field() -> "models.CharField[Any, Any]":
    """The algorithm's name; blank while no digest is known (such a version never passes the gate)."""
    return models.CharField(
        _("digest algorithm"),
        max_length=16,
        choices=DigestAlgorithm,
        blank=True,
        help_text=_("Which digest; blank only while none is known [SPDX HashAlgorithm]."),
    )


def digest_value_field(of_what: Any) -> "models.CharField[Any, Any]":
    """The digest in lowercase hexadecimal."""
    return models.CharField(_("digest"), max_length=128, blank=True, help_text=of_what)
