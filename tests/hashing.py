"""Passwords in tests: the product's own algorithm, once over instead of a million times."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OnceOver(PBKDF2PasswordHasher):
    """PBKDF2 with one iteration. A started product reads what this writes, and strengthens it at the first sign-in."""

    iterations = 1


# For `settings.PASSWORD_HASHERS`, in the process of a test and where the template is peopled.
HASHERS = [f"{OnceOver.__module__}.{OnceOver.__qualname__}"]
