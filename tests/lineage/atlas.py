"""Graphs to draw and to walk: layers of datasets, each made by runs from some of the layer before."""

import random
from collections.abc import Sequence

from governance.unit_of_work import recorded_action
from lineage.models import Dataset, DatasetVersion, Run, RunInput, RunOutput
from tests.approvals.world import sha
from tests.cast import Cast

WHY = {"reason": "A graph to look at"}
WORDS = ("loans", "customers", "branches", "ledger", "payments", "claims", "returns", "cards", "visits", "quotes")


def weave(cast: Cast, layers: Sequence[int], *, seed: int = 7, reads: int = 3) -> list[list[DatasetVersion]]:
    """Layers of dataset versions in `retail`; each one below the first comes from a run over up to `reads` above it."""
    chance = random.Random(seed)
    woven: list[list[DatasetVersion]] = []
    with recorded_action(actor=cast.pipeline, **WHY):
        for depth, many in enumerate(layers):
            datasets = Dataset.objects.bulk_create(
                Dataset(namespace=cast.retail, name=f"{WORDS[n % len(WORDS)]}_{seed}_{depth}_{n}") for n in range(many)
            )
            versions = DatasetVersion.objects.bulk_create(
                DatasetVersion(dataset=one, label="2026-01", digest_algorithm="sha256", digest_value=sha(one.name))
                for one in datasets
            )
            if woven:
                runs = Run.objects.bulk_create(
                    Run(namespace=cast.retail, job_name=f"build_{one.dataset.name}", run_key=f"r-{one.pk}")
                    for one in versions
                )
                RunInput.objects.bulk_create(
                    RunInput(run=run, dataset_version=above, role="source")
                    for run in runs
                    for above in chance.sample(woven[-1], min(len(woven[-1]), chance.randint(1, reads)))
                )
                RunOutput.objects.bulk_create(
                    RunOutput(run=run, dataset_version=one, role="output")
                    for run, one in zip(runs, versions, strict=True)
                )
            woven.append(versions)
    return woven
