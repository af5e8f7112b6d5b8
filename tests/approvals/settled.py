"""`python -m tests.approvals.settled` builds the world in the database of the environment, to stay."""

import os

import django


def main() -> None:
    """As the app."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    django.setup()
    from django.conf import settings

    from tests.approvals.world import build  # models: after the set-up
    from tests.cast import load
    from tests.hashing import HASHERS

    settings.PASSWORD_HASHERS = HASHERS

    build(load())


if __name__ == "__main__":
    main()
