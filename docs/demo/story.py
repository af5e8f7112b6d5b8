"""`make demo`: a real model on real data, governed from end to end, told step by step. Exit status 1 when a step fails.

Imports nothing of the project: everything goes over HTTP and psql, as it would for a customer. Two of the operator's
commands are run as such: `manage.py demo_accounts` before, `manage.py verify_ledger` at the end.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from audit import tell_audit
from client import PROJECT, Service, last_words, manage, read_variables
from facts import tell_facts
from judgement import REVIEWERS, tell_evidence, tell_refusal, tell_supersession
from retraining import tell_retraining
from scene import Scene
from science import load, train_regression, train_trees, warm_up
from serving import tell_changes_while_serving
from signing import tell_signatures, tell_ways_around
from telling import StoryBroken, Teller


def set_up(tell: Teller) -> Scene:
    """Accounts, a namespace of this run's own, and the data.

    Raises:
        StoryBroken: the accounts cannot be made.
    """
    home = Path(os.environ.get("MUNIMENT_HOME") or PROJECT / "var").absolute()
    with ThreadPoolExecutor(max_workers=1) as beside:
        accounts = beside.submit(manage, "demo_accounts")
        warm_up()
        made = accounts.result()
    tell.must(made.returncode == 0, f"manage.py demo_accounts says: {last_words(made)}")
    variables = read_variables(home / "demo.env")
    folder = home / "demo" / variables["NAMESPACE"]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = variables["MUNIMENT_URL"]
    return Scene(
        tell=tell,
        variables=variables,
        folder=folder,
        data=load(folder),
        pipeline=Service(url, "the pipeline", variables["PIPELINE_API_KEY"]),
        laboratory=Service(url, "the laboratory", variables["VALIDATOR_API_KEY"]),
        audit_tool=Service(url, "the auditor", variables["AUDITOR_API_KEY"]),
    )


def tell_story(tell: Teller) -> None:
    """All of it.

    Raises:
        StoryBroken: a step did not go as it must.
    """
    tell.plain("Muniment: a model on its way into production, and why it may go there.")
    scene = set_up(tell)
    tell.plain(f"Namespace {scene.namespace} at {scene.variables['MUNIMENT_URL']}; files in {scene.folder}.")
    first = train_regression(scene.data, scene.folder, chosen_threshold=False)
    second = train_regression(scene.data, scene.folder, chosen_threshold=True)
    tell_facts(scene, first)
    tell_refusal(scene)
    tell_evidence(scene, first, second)
    tell_ways_around(scene)
    tell_signatures(scene)
    tell_supersession(scene, train_trees(scene.data, scene.folder))
    tell_changes_while_serving(scene)
    tell_retraining(scene)
    tell_audit(scene)
    closing(scene)


def closing(scene: Scene) -> None:
    """Where to look, and who may sign in."""
    tell, home = scene.tell, scene.folder.parents[1]
    tell.plain()
    tell.plain(f"All {tell.steps} steps went as they must, in {tell.seconds():.0f} seconds.")
    url, users = scene.variables["MUNIMENT_URL"], [scene.variables[f"{key}_USER"] for key, _ in REVIEWERS]
    tell.plain("The records stay. Look at them by hand (make run, if it does not run):")
    tell.plain(f"  {url}/releases/{scene.ids['release v3']}  waits for six signatures")
    tell.plain(f"  sign in as {', '.join(users[:3])},")
    tell.plain(f"  {', '.join(users[3:])}; or, to read all,")
    tell.plain(f"  {scene.variables['AUDITOR_USER']}")
    tell.plain(f"  passwords and API keys: {home / 'demo.env'}")


def main() -> int:
    """Tell it; the exit status."""
    tell = Teller()
    try:
        tell_story(tell)
    except StoryBroken as broken:
        print(f"\nStopped at {tell.doing}: {broken}", file=sys.stderr)
        return 1
    except (LookupError, TypeError, StopIteration) as unexpected:
        print(
            f"\nStopped at {tell.doing}: an answer is not of the form it must have ({unexpected!r}).", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
