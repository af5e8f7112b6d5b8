"""`python -m tests.services.prepare`: a version with everything in order, and a policy that asks evidence and one risk
manager, on the database of the environment. After `tests.cast`."""

import os


def main() -> None:
    """Make them by the product's own actions."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    import django

    django.setup()
    from tests.approvals.world import FACTS, signature, world
    from tests.cast import load

    w = world(load())
    performance = {
        "key": "performance",
        "kind": "evidence",
        "params": {"plan_kind": "performance", "independent": False, "max_age_days": 90},
    }
    w.policy(*FACTS, performance, signature("risk", "risk_manager"))


if __name__ == "__main__":
    main()
