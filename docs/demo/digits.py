"""The data science of the trial: two readers of handwritten digits, split by who wrote. Knows nothing of Muniment.

Optical Recognition of Handwritten Digits: E. Alpaydin, C. Kaynak, UCI Machine Learning Repository 1998,
doi:10.24432/C50P49, CC BY 4.0. scikit-learn carries the test part, 1,797 images of 8 × 8 pixels by 13 people, one after
the other: each sheet begins with the digits 0 to 9 in order, by which the borders were found (scikit-learn's course,
"Sample grouping"). Handwriting of people a reader never saw is another thing than of those it learned from.
"""

import csv
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from science import TOOL, Candidate, Table, Value, sha256, share_of

SHEETS = (0, 130, 256, 386, 516, 646, 776, 915, 1029, 1157, 1287, 1415, 1545, 1667, 1797)
FEW, MANY = (0, 2), (0, 6)  # sheets that the two readers learn from
TEST, TRIAL = (6, 7), (7, 14)  # sheets that neither has seen
COLUMNS = [*(f"pixel_{n // 8}_{n % 8}" for n in range(64)), "digit"]


@dataclass(frozen=True)
class Sheets:
    """The images on some sheets, in their order."""

    first: int  # place of the first image in the whole
    images: Any  # numpy array, a row of 64 values from 0 to 16 for each image
    digits: Any

    @property
    def units(self) -> list[str]:
        """What is assigned to an arm: an image, by its place in the whole."""
        return [f"image-{self.first + n}" for n in range(len(self.digits))]


@cache
def _all() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    return images, digits


def sheets(span: tuple[int, int]) -> Sheets:
    """The images of sheets from one number up to but without another."""
    images, digits = _all()
    part = slice(SHEETS[span[0]], SHEETS[span[1]])
    return Sheets(SHEETS[span[0]], images[part], digits[part])


def write(folder: Path, span: tuple[int, int]) -> Table:
    """The images of some sheets as a file."""
    data, path = sheets(span), folder / f"digits-{span[0] + 1}-to-{span[1]}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*map(int, row), int(digit)] for row, digit in zip(data.images, data.digits, strict=True))
    return Table(path, len(data.digits), COLUMNS, sha256(path))


def train_both(folder: Path) -> tuple[Candidate, Candidate]:
    """A logistic regression, taught by the first two sheets, and a support vector machine, taught by the first six."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    return (
        _train(folder, "digits-regression", LogisticRegression(max_iter=1000), FEW, {"max_iter": 1000}),
        _train(folder, "digits-support-vectors", SVC(C=10, gamma=0.001), MANY, {"C": 10, "gamma": 0.001}),
    )


def _train(folder: Path, name: str, estimator: Any, span: tuple[int, int], settings: dict[str, Any]) -> Candidate:
    started, data = datetime.now(UTC), sheets(span)
    estimator.fit(data.images, data.digits)
    path = folder / f"{name}.pickle"
    path.write_bytes(pickle.dumps({"estimator": estimator, "made_in": folder.name}))
    parameters = {"algorithm": type(estimator).__name__, **settings, "library": TOOL}
    return Candidate(name, estimator, 0.0, path, sha256(path), parameters, started, datetime.now(UTC))


def accuracy(candidate: Candidate) -> Value:
    """The share of the test sheet's digits that are read right."""
    data = sheets(TEST)
    total, right = count(candidate, data, [True] * len(data.digits))
    return share_of("accuracy", right, total)


def count(reader: Candidate, data: Sheets, mine: Sequence[bool]) -> tuple[int, int]:
    """Of the images that a reader is to read, how many there are, and how many it reads right."""
    chosen = np.array(mine)
    return int(chosen.sum()), int((reader.estimator.predict(data.images[chosen]) == data.digits[chosen]).sum())
