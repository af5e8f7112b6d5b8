"""What the page of a profile draws of a column."""

from lineage.pages.profiles import BARS, HEIGHT, shown
from lineage.quality.documents import ColumnProfile


def test_bars_fill_the_drawing_though_the_edges_reach_further() -> None:
    """A profile that is to be compared keeps the edges of the earlier version, between which none of its rows lie."""
    years = ColumnProfile(
        "year", type="integer", count=24, nulls=0, distinct=24, min=1979, max=2002,
        edges=(1951, 1960, 1979, 2002, 2020, 2030), before=(0, 0, 0, 23, 24, 24), upto=(0, 0, 1, 24, 24, 24),
    )  # fmt: skip
    (one,) = shown([years])
    assert len(one.bars) == BARS and all(bar.height > 0 for bar in one.bars)
    assert one.bars[0].says.endswith("from 1979 to 1979.96")
    assert (one.least, one.most) == ("1979", "2002"), "no comma in a year"


def test_of_one_value_there_is_nothing_to_draw() -> None:
    same = ColumnProfile("x", type="integer", count=3, nulls=0, min=5, max=5, edges=(1, 5, 9), before=(0, 0, 3),
                         upto=(0, 3, 3))  # fmt: skip
    assert shown([same])[0].bars == []


def test_the_fullest_bar_is_as_high_as_the_drawing() -> None:
    halves = ColumnProfile("x", type="number", count=10, nulls=0, min=0.5, max=9.5, edges=(0.5, 5.0, 9.5),
                           before=(0, 2, 9), upto=(1, 3, 10))  # fmt: skip
    assert max(bar.height for bar in shown([halves])[0].bars) == HEIGHT
