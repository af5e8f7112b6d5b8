"""Terms of the vocabularies as people read them."""

from django import template

from lineage import vocabularies

register = template.Library()


@register.filter
def purpose_in_words(term: str) -> str:
    """A purpose by its label, with the term itself, which pipelines and policies name; blank for a blank one."""
    return vocabularies.in_words(term, "purpose") if term else ""
