"""The data science of the retraining chapter: a forecast of the sea's temperature, trained on one window of years after
another. Knows nothing of Muniment.

Monthly sea surface temperature of the region Niño 1+2 off Peru and Ecuador, 1950 to 2010: NOAA, ERSST v3b, public
domain; the copy that statsmodels carries. The sea truly changes: 1982/83 and 1997/98 were great El Niño years.
"""

import csv
import hashlib
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from science import Candidate, Table, Value

LAGS = 12  # months that a forecast looks back
TEST_YEARS = 5
COLUMNS = ["year", "month", "celsius"]


@dataclass(frozen=True)
class Window:
    """The months of some years, as a file."""

    first: int
    last: int
    table: Table
    celsius: Any  # numpy array of the window's months

    @property
    def label(self) -> str:
        return f"{self.first}-{self.last}"


def months() -> tuple[Any, Any]:
    """Year and temperature (°C) of each month."""
    package = find_spec("statsmodels")  # found, not imported: that takes seconds, and one of its files is all we need
    if package is None or package.origin is None:
        raise FileNotFoundError("statsmodels is not installed: run make again.")
    source = Path(package.origin).parent / "datasets" / "elnino" / "elnino.csv"
    rows = np.loadtxt(source, delimiter=",", skiprows=1)
    return np.repeat(rows[:, 0].astype(int), 12), rows[:, 1:].ravel()


def window(folder: Path, first: int, last: int) -> Window:
    """The months of some years, written beside the other files of the demo."""
    years, celsius = months()
    inside = (years >= first) & (years <= last)
    path = folder / f"nino-{first}-{last}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            (int(year), place % 12 + 1, repr(float(value)))
            for place, (year, value) in enumerate(zip(years[inside], celsius[inside], strict=True))
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Window(first, last, Table(path, int(inside.sum()), COLUMNS, digest), celsius[inside])


def train(data: Window, folder: Path, ridge: float) -> Candidate:
    """A ridge regression of a month on the twelve before it."""
    started = datetime.now(UTC)
    rows, wanted = _lagged(data.celsius)
    middle, level = rows.mean(axis=0), wanted.mean()
    inner = (rows - middle).T @ (rows - middle) + ridge * np.eye(LAGS)
    weights = np.linalg.solve(inner, (rows - middle).T @ (wanted - level))
    path = folder / f"nino-{data.label}.pickle"
    content = {"weights": weights, "middle": middle, "level": level, "ridge": ridge, "made_in": folder.name}
    path.write_bytes(pickle.dumps(content))
    parameters = {"algorithm": "ridge regression", "lags": LAGS, "ridge": ridge}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Candidate(
        f"nino-{data.label}", content, 0.0, path, digest, parameters, started, datetime.now(UTC)
    )  # fmt: skip


def explained(candidate: Candidate, data: Window) -> Value:
    """The share of the variance that the forecast explains in the five years after the window, with a 95 % interval
    from a bootstrap over whole years."""
    years, celsius = months()
    after = (years > data.last) & (years <= data.last + TEST_YEARS)
    rows, wanted = _lagged(celsius[np.flatnonzero(after)[0] - LAGS : np.flatnonzero(after)[-1] + 1])
    missed = ((wanted - _said(candidate, rows)) ** 2).reshape(-1, 12).sum(axis=1)
    spread = ((wanted - wanted.mean()) ** 2).reshape(-1, 12).sum(axis=1)
    drawn = np.random.default_rng(1).integers(0, len(missed), size=(2000, len(missed)))
    low, high = np.quantile(1 - missed[drawn].sum(axis=1) / spread[drawn].sum(axis=1), [0.025, 0.975])
    share = float(1 - missed.sum() / spread.sum())
    return Value("r2", share, min(share, float(low)), max(share, float(high)))


@dataclass(frozen=True)
class Errors:
    """Sums over the errors of a year's forecasts, predicted minus true, in °C: all that monitoring hands in of them."""

    n: int
    plain: float
    absolute: float
    squared: float

    @property
    def typical(self) -> float:
        """The root of their mean square (rmse)."""
        return float((self.squared / self.n) ** 0.5)


def errors_of(candidate: Candidate, year: int) -> Errors:
    """How far the forecasts of a year's months were off, each from the twelve months before it."""
    years, celsius = months()
    first = int(np.flatnonzero(years == year)[0])
    rows, wanted = _lagged(celsius[first - LAGS : first + 12])
    missed = _said(candidate, rows) - wanted
    return Errors(
        len(missed), float(missed.sum()), float(np.abs(missed).sum()), float((missed**2).sum())
    )  # fmt: skip


def _said(candidate: Candidate, rows: Any) -> Any:
    model = candidate.estimator
    return (rows - model["middle"]) @ model["weights"] + model["level"]


def _lagged(celsius: Any) -> tuple[Any, Any]:
    rows = np.lib.stride_tricks.sliding_window_view(celsius, LAGS)[:-1]
    return rows, celsius[LAGS:]
