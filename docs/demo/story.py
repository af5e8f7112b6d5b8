"""`make demo`: a real model on real data, governed from end to end, told step by step. Exit status 1 when a step fails.

Imports nothing of the project: everything goes over HTTP, psql and the command for pipelines, as it would for a
customer. Two of the operator's commands are run as such: `manage.py demo_accounts` before, `manage.py verify_ledger` at
the end.
"""

import os
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import digits
from audit import tell_audit
from client import PROJECT, Service, Shell, last_words, manage, read_variables
from facts import tell_facts
from judgement import REVIEWERS, tell_evidence, tell_refusal, tell_supersession
from monitoring import tell_monitoring
from retraining import tell_retraining, train_forecasts
from scene import Scene
from science import load, train_regression, train_trees, warm_up
from serving import tell_changes_while_serving
from signing import tell_signatures, tell_ways_around
from telling import StoryBroken, Teller
from trial import tell_trial

HOW_TO_READ = (
    "Each step says what was asked of the product, what it answered (in red where it refused), and why that is right. "
    "Refusals are half of the story: whoever is refused is told what is missing, and who can do something about it."
)
WHO = (
    "Two programs act with API keys: the training pipeline, and a laboratory that measures independently of it. People "
    "sign in: owner@ answers for the models; steward@ (data), validator@, business@, risk@, risk2@ and compliance@ "
    "review and sign; policy@ and policy2@ set the rules; auditor@ reads everything and changes nothing."
)


def set_up(tell: Teller, beside: Executor) -> Scene:
    """Accounts, a namespace of this run's own, and the data.

    Raises:
        StoryBroken: the accounts cannot be made.
    """
    home = Path(os.environ.get("MUNIMENT_HOME") or PROJECT / "var").absolute()
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
        shell=Shell(home),
        beside=beside,
    )


def tell_story(tell: Teller, beside: Executor) -> None:
    """All of it. What a later chapter needs (people signed in, models trained, data counted) is prepared beside it.

    Raises:
        StoryBroken: a step did not go as it must.
    """
    tell.plain("Muniment: a model on its way into production, and why it may go there.")
    scene = set_up(tell, beside)
    tell.plain(f"Namespace {scene.namespace} at {scene.variables['MUNIMENT_URL']}; files in {scene.folder}.")
    tell.paragraph(HOW_TO_READ)
    tell.paragraph(WHO)
    second = beside.submit(train_regression, scene.data, scene.folder, chosen_threshold=True)
    scene.invite("STEWARD", "OWNER", *(key for key, _requirement in REVIEWERS), "POLICY", "POLICY2")
    third = beside.submit(train_trees, scene.data, scene.folder)
    forecasts = beside.submit(train_forecasts, scene.folder)
    readers = beside.submit(digits.train_both, scene.folder)
    first = train_regression(scene.data, scene.folder, chosen_threshold=False)
    tell_facts(scene, first)
    tell_refusal(scene)
    tell_evidence(scene, first, second.result())
    tell_ways_around(scene)
    tell_signatures(scene)
    tell_supersession(scene, third.result())
    tell_changes_while_serving(scene)
    tell_monitoring(scene, tell_retraining(scene, forecasts.result()))
    tell_trial(scene, readers.result())
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
    tell.plain(f"  {url}/dataset-versions/{scene.ids['nino 3 data']}/quality  the sea that drifted, drawn")
    tell.plain(f"  {url}/promotions/{scene.ids['promotion nino 2']}/monitoring  the forecasts against their limit")
    tell.plain(f"  {url}/trials/{scene.ids['trial']}  the trial, from its plan to its conclusion")
    tell.plain(f"  sign in as {', '.join(users[:3])},")
    tell.plain(f"  {', '.join(users[3:])}; or, to read all,")
    tell.plain(f"  {scene.variables['AUDITOR_USER']}")
    tell.plain(f"  passwords and API keys: {home / 'demo.env'}")


def main() -> int:
    """Tell it; the exit status."""
    tell = Teller()
    with ThreadPoolExecutor(max_workers=2) as beside:
        try:
            tell_story(tell, beside)
        except StoryBroken as broken:
            return stopped(tell, beside, str(broken))
        except (LookupError, TypeError, StopIteration) as unexpected:
            return stopped(tell, beside, f"an answer is not of the form it must have ({unexpected!r}).")
    return 0


def stopped(tell: Teller, beside: Executor, why: str) -> int:
    """Say which step failed; the exit status."""
    print(f"\nStopped at {tell.doing}: {why}", file=sys.stderr)
    beside.shutdown(wait=False, cancel_futures=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
