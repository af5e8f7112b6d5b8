"""The data science of the demo: real data, real training, real measurements. Knows nothing of Muniment.

Breast Cancer Wisconsin (Diagnostic): W. Wolberg, W. N. Street, O. Mangasarian, UCI Machine Learning Repository 1995,
doi:10.24432/C5DW2B, CC BY 4.0. scikit-learn carries a copy without the column of sample numbers. It takes seconds to
import, so it is imported where it is used, while the demo's accounts are being made.
"""

import csv
import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

SEED = 42
TEST_SHARE = 0.3
WANTED_SENSITIVITY = 0.97  # out of fold, when a threshold is chosen on the training data
MEAN_AREA = 3  # column: mean area of the cell nuclei; small nuclei are the hard cases
TOOL = f"scikit-learn {version('scikit-learn')}"


@dataclass(frozen=True)
class Table:
    """A file of data, and what it holds."""

    path: Path
    rows: int
    columns: list[str]
    digest: str  # SHA-256, hexadecimal

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


@dataclass(frozen=True)
class Data:
    """The source file, and the two files that it was split into."""

    source: Table
    training: Table
    test: Table
    jittered: Table
    train_x: Numbers
    train_y: Numbers  # 1 = malignant
    test_x: Numbers
    test_y: Numbers
    jittered_x: Numbers  # the training rows once more, each value moved by a hundredth of its column's spread
    features: list[str]


@dataclass(frozen=True)
class Candidate:
    """A trained model and the probability from which it says malignant, in one file."""

    name: str
    estimator: Any
    threshold: float
    path: Path
    digest: str
    parameters: dict[str, Any]
    started: datetime
    ended: datetime


@dataclass(frozen=True)
class Value:
    """One measured value with its 95 % confidence interval."""

    metric: str
    value: float
    low: float
    high: float
    slice: str = ""


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def warm_up() -> None:
    """Import what takes seconds."""
    import sklearn.ensemble
    import sklearn.linear_model
    import sklearn.pipeline  # noqa: F401  # for its side effect: the modules are there when asked for


def load(folder: Path) -> Data:
    """Copy the source into the folder, split it, and write the parts beside it."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    bunch = load_breast_cancer()
    features = [str(name) for name in bunch.feature_names]
    source = folder / "breast-cancer-wisconsin.csv"
    source.write_bytes(files("sklearn.datasets.data").joinpath("breast_cancer.csv").read_bytes())
    malignant = (1 - bunch.target).astype(float)  # the file counts benign as 1
    train_x, test_x, train_y, test_y = train_test_split(
        bunch.data, malignant, test_size=TEST_SHARE, stratify=malignant, random_state=SEED
    )
    noise = np.random.default_rng(SEED).normal(size=train_x.shape)
    jittered_x = train_x + noise * train_x.std(axis=0) / 100
    columns = [*features, "malignant"]
    return Data(
        source=Table(source, len(malignant), [*features, "benign"], sha256(source)),  # benign is 1 in the source
        training=_write(folder / "training.csv", columns, train_x, train_y),
        test=_write(folder / "test.csv", columns, test_x, test_y),
        train_x=train_x,
        train_y=train_y,
        test_x=test_x,
        test_y=test_y,
        jittered=_write(folder / "jittered.csv", columns, jittered_x, train_y),
        jittered_x=jittered_x,
        features=features,
    )


def _write(path: Path, columns: list[str], x: Numbers, y: Numbers) -> Table:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(
            [*(repr(float(number)) for number in row), int(label)] for row, label in zip(x, y, strict=True)
        )
    return Table(path, len(y), columns, sha256(path))


def train_regression(data: Data, folder: Path, *, chosen_threshold: bool) -> Candidate:
    """A logistic regression; with the usual threshold of one half, or with one chosen on the training data."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return _train(
        "logistic-regression",
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        {"algorithm": "logistic regression", "scaling": "standard", "max_iter": 1000, "C": 1.0},
        data,
        folder,
        chosen_threshold,
    )


def train_trees(data: Data, folder: Path) -> Candidate:
    """Extremely randomised trees on the training and the jittered rows; the threshold chosen on the training rows."""
    from sklearn.ensemble import ExtraTreesClassifier

    return _train(
        "extra-trees",
        lambda: ExtraTreesClassifier(200, random_state=0),
        {"algorithm": "extremely randomised trees", "trees": 200, "random_state": 0},
        data,
        folder,
        True,
        jittered=True,
    )


def _train(
    name: str, make: Callable[[], Any], settings: dict[str, Any], data: Data, folder: Path, chosen_threshold: bool,
    *, jittered: bool = False,
) -> Candidate:  # fmt: skip
    started = datetime.now(UTC)
    threshold = _chosen_threshold(make(), data) if chosen_threshold else 0.5
    rows, sick = data.train_x, data.train_y
    if jittered:
        rows, sick = np.vstack([rows, data.jittered_x]), np.concatenate([sick, sick])
    estimator = make().fit(rows, sick)
    path = folder / f"{name}-{round(threshold * 100):02}.pickle"
    # A recall goes by the bytes, everywhere: each run's files are its own, or the next run's would be recalled already.
    content = {"estimator": estimator, "threshold": threshold, "features": data.features, "made_in": folder.name}
    path.write_bytes(pickle.dumps(content))
    parameters = {**settings, "threshold": threshold, "seed": SEED, "library": TOOL}
    return Candidate(name, estimator, threshold, path, sha256(path), parameters, started, datetime.now(UTC))


def _chosen_threshold(estimator: Any, data: Data) -> float:
    """The highest threshold, in hundredths, that keeps the wanted sensitivity on training data it was not fitted to."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    scores = cross_val_predict(estimator, data.train_x, data.train_y, cv=folds, method="predict_proba")[:, 1]
    sick = np.sort(scores[data.train_y == 1])
    return float(np.floor(sick[int((1 - WANTED_SENSITIVITY) * len(sick))] * 100) / 100)


def performance(candidate: Candidate, data: Data) -> list[Value]:
    """Sensitivity, specificity and area under the ROC curve on the held-out test set."""
    scores = candidate.estimator.predict_proba(data.test_x)[:, 1]
    said = scores >= candidate.threshold
    sick = data.test_y == 1
    return [
        share_of("sensitivity", int(said[sick].sum()), int(sick.sum())),
        share_of("specificity", int((~said[~sick]).sum()), int((~sick).sum())),
        _area_under_curve(scores, sick),
    ]


def by_size_of_nuclei(candidate: Candidate, data: Data) -> list[Value]:
    """Sensitivity on small and on large nuclei, split at the median of the malignant training cases."""
    said = candidate.estimator.predict_proba(data.test_x)[:, 1] >= candidate.threshold
    sick = data.test_y == 1
    small = data.test_x[:, MEAN_AREA] < np.median(data.train_x[data.train_y == 1, MEAN_AREA])
    return [
        share_of("sensitivity", int(said[sick & part].sum()), int((sick & part).sum()), slice_name)
        for slice_name, part in (("small nuclei", small), ("large nuclei", ~small))
    ]


def share_of(metric: str, hits: int, of: int, slice_name: str = "") -> Value:
    """A proportion with its Wilson interval, which stays inside 0 and 1 however few cases there are."""
    z, share = 1.959964, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    return Value(metric, share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)), slice_name)


def _area_under_curve(scores: Numbers, sick: NDArray[np.bool_]) -> Value:
    """The area with its interval after Hanley and McNeil (Radiology 143, 1982)."""
    positive, negative = scores[sick], scores[~sick]
    differences = positive[:, None] - negative[None, :]
    area = float((np.sign(differences).sum() / differences.size + 1) / 2)
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = (len(positive) - 1) * (q1 - area * area) + (len(negative) - 1) * (q2 - area * area)
    error = float(np.sqrt((area * (1 - area) + spread) / (len(positive) * len(negative))))
    return Value("roc_auc", area, max(0.0, area - 1.959964 * error), min(1.0, area + 1.959964 * error))
