"""`python -m bench [--quick] [NAME …]`: every measurement, or those named; a table each, and the figures at the end."""

import argparse
import datetime
import importlib
import os
import platform
import sys
import time
import traceback

from bench.databases import services
from bench.figures import QUICK, Figure, Scale, table
from governance.runtime.home import RuntimeProblem

MEASUREMENTS = (
    "saves", "gate", "as_of", "ledger", "promotions", "withdrawal", "desk", "spelling", "mlflow", "lineage",
    "lineage_page", "openlineage", "checks", "monitoring", "profiles",
)  # fmt: skip


def main() -> int:
    """Measure and print; 0 whatever the figures are, 2 when there is nothing to measure on."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure this project beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these, of: {', '.join(MEASUREMENTS)}")
    parser.add_argument(
        "--quick", action="store_true", help="small and coarse, in a minute or two: to look, not to quote"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(MEASUREMENTS):
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}")
    scale = QUICK if given.quick else Scale()
    found: list[Figure] = []
    try:
        with services():
            _say_where(quick=given.quick)
            for name in given.names or MEASUREMENTS:
                start = time.monotonic()
                found += _measured(name, scale)
                print(f"\n({name}: {time.monotonic() - start:.0f} s; load {os.getloadavg()[0]:.1f})", flush=True)
    except RuntimeProblem as problem:
        print(problem, file=sys.stderr)
        return 2
    said = {None: "", True: "yes", False: "NO"}
    table(
        "Figures", ("figure", "target", "measured", "met"), [(f.name, f.target, f.measured, said[f.met]) for f in found]
    )
    return 0


def _measured(name: str, scale: Scale) -> list[Figure]:
    try:
        found: list[Figure] = importlib.import_module(f"bench.{name}").measure(scale)
        return found
    except Exception as error:  # the others are worth having all the same; this one says so in the table
        traceback.print_exception(error, limit=-3, chain=False)
        return [Figure(f"{name} was not measured", f"{type(error).__name__}", met=False)]


def _say_where(*, quick: bool) -> None:
    import django

    django.setup()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync'),"
                       " current_setting('synchronous_commit'), current_setting('shared_buffers')")  # fmt: skip
        version, fsync, commit, buffers = cursor.fetchone()
    connection.close()
    now, load = datetime.datetime.now(datetime.UTC), os.getloadavg()[0]
    print(
        f"{now:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()},"
        f" Django {django.get_version()}, PostgreSQL {version.split()[0]}"
        f" (fsync {fsync}, synchronous_commit {commit}, shared_buffers {buffers})"
    )
    if quick:
        print("--quick: small and coarse; not to be quoted.")
    if load > 1:
        print("The machine is not quiet: medians and ratios count, rates do not.")


if __name__ == "__main__":
    sys.exit(main())
