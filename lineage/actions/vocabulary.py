"""Terms of the house's own in the published vocabularies."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.registering import Registered, get_or_register
from lineage.models import VocabularyTerm
from lineage.vocabularies import SCHEMES, token
from lineage.vocabularies.standard import EXTENSIBLE, PREFIXES, valid_token

#: Who adds and retires terms, for every namespace. What lies above a term decides what terms of use permit and forbid.
LEXICOGRAPHERS = (Role.POLICY_OWNER, Role.COMPLIANCE_OFFICER)


@action
def add_vocabulary_term(
    *,
    actor: Principal,
    reason: str,
    scheme: str,
    term: str,
    label: str,
    definition: str,
    broader: Iterable[str] = (),
    special: bool = False,
) -> Registered[VocabularyTerm]:
    """Add a term to a published vocabulary, for every namespace. The same again is the same.

    Args:
        broader: terms of the same vocabulary that it is a case of; they never change.
        special: of a category of personal data, whether GDPR article 9 covers it; below a special one it always is.

    Raises:
        errors.Forbidden: neither policy owner nor compliance officer of every namespace.
        errors.Invalid: a vocabulary that takes none, a published prefix, no broader term of that name.
        errors.AlreadyDifferent: the term means something else already.
    """
    require(actor, *LEXICOGRAPHERS, namespace=None)
    if scheme not in EXTENSIBLE:
        raise errors.Invalid(errors={"scheme": [_("One of %(known)s.") % {"known": ", ".join(EXTENSIBLE)}]})
    if not valid_token(term):
        raise errors.Invalid(errors={"term": [_("Write prefix:Name, such as bank:MortgageScoring.")]})
    if term.partition(":")[0] + ":" in PREFIXES:
        sentence = _("%(prefix)s belongs to a published vocabulary (%(version)s). Use a prefix of your house.")
        raise errors.Invalid(
            errors={"term": [sentence % {"prefix": term.partition(":")[0], "version": SCHEMES[scheme].version}]}
        )
    if special and scheme != VocabularyTerm.Scheme.PERSONAL_DATA:
        raise errors.Invalid(errors={"special": [_("Only a category of personal data is special.")]})
    for field, text in (("label", label), ("definition", definition)):
        if not text.strip():
            raise errors.Invalid(errors={field: [_("Say what it means: others will choose by it.")]})
    content = {
        "label": label,
        "definition": definition,
        "broader": sorted({token(one, field="broader", scheme=scheme) for one in broader}),
    }
    # `special` is the database's to say where a broader term is: what was sent is compared only if it says more.
    found = get_or_register(
        VocabularyTerm,
        identity={"scheme": scheme, "term": term},
        content={**content, "special": special},
        compare={**content, **({"special": True} if special else {})},
    )
    return found


@action
def retire_vocabulary_term(
    *, actor: Principal, reason: str, term: VocabularyTerm, retired: bool = True
) -> VocabularyTerm:
    """Take a term out of use, or back into it. What bears it keeps it. Raises errors.Forbidden as above."""
    require(actor, *LEXICOGRAPHERS, namespace=None)
    current = VocabularyTerm.objects.select_for_update().get(pk=term.pk)
    if current.retired != retired:
        current.retired = retired
        current.save(update_fields=["retired"])
    return current
