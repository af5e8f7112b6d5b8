"""Prometheus text: read strictly, and only what the plan names."""

import contextlib
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.models import Evidence, Promotion
from approvals.monitoring.exposition import read_scrapes
from approvals.monitoring.selectors import Scrapes, measure
from governance import errors
from tests.approvals.monitoring import scene
from tests.approvals.world import World

TEXT = """\
# HELP requests_total Requests, by "code" and \\ path.
# TYPE requests_total counter
requests_total{code="200",path="/a\\"b\\\\c\\n"} 970 1700000000000
requests_total{code="500", path="/"}  3e1
# TYPE memory_bytes gauge
memory_bytes{pod="a"} 1.5e9
memory_bytes{pod="b"} 2e9
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 900
latency_seconds_bucket{le="0.5"} 980
latency_seconds_bucket{le="+Inf"} 1000
latency_seconds_sum 60.5
latency_seconds_count 1000
go_gc{quantile="0.5"} NaN
"""
RATE = 'ratio(requests_total{code="500"}, requests_total)'


def measured(text: str, *metrics: str) -> dict[str, Any]:
    """What the plan's metrics are in a text, by name."""
    *start, end = read_scrapes(text)
    return {one.name: one for one in measure(metrics, Scrapes(end, start[0] if start else None))}


def test_the_plan_s_metrics_are_read() -> None:
    found = measured(TEXT, RATE, "max(memory_bytes)", "memory_bytes", 'memory_bytes{pod="a"}', "p90(latency_seconds)",
                     "p95(latency_seconds)")  # fmt: skip
    assert found[RATE].value == Decimal("0.03")
    assert found["max(memory_bytes)"].value == 2 * 10**9
    assert found["memory_bytes"].value == Decimal("3.5e9")
    assert found["p90(latency_seconds)"].value == Decimal("0.1")
    ninety_five = found["p95(latency_seconds)"]
    assert (ninety_five.value, ninety_five.low, ninety_five.high) == (Decimal("0.35"), Decimal("0.1"), Decimal("0.5"))


def test_a_percentile_above_the_last_bucket_is_missing_and_says_so() -> None:
    found = measured(TEXT, "p99(latency_seconds)")
    assert list(found) == ["p99(latency_seconds) is above"], "a limit on p99 is not met by a guess"


def test_two_expositions_are_what_it_grew_by() -> None:
    before = TEXT.replace(" 970 ", " 900 ").replace("3e1", "20").replace("} 900\n", "} 0\n")
    found = measured(f"{before}# EOF\n{TEXT}# EOF\n", RATE, "memory_bytes", 'requests_total{code="200"}')
    assert found[RATE].value == Decimal("0.125"), "10 of 80"
    assert found["memory_bytes"].value == Decimal("3.5e9"), "a gauge is as it stands"
    assert found['requests_total{code="200"}'].value == 70


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        (f"{TEXT}# EOF\n{TEXT.replace(' 970 ', ' 2 ')}", RATE),  # the process began anew
        (TEXT.replace("970", "0").replace("3e1", "0"), RATE),  # nothing was asked
        (TEXT, "p95(nothing)"),
        (TEXT, "go_gc"),  # NaN
        (TEXT.replace("1.5e9", "1e400"), "memory_bytes"),
        (TEXT.replace('le="0.5"} 980', 'le="0.5"} 100'), "p95(latency_seconds)"),  # buckets shrink
        (TEXT.replace('le="+Inf"} 1000', 'le="1"} 1000'), "p95(latency_seconds)"),
        (TEXT.replace('le="0.5"} 980', 'le="0.5"} 980.5'), "p95(latency_seconds)"),
        (TEXT, "p0(latency_seconds)"),
    ],
)
def test_what_tells_nothing_is_refused(text: str, metric: str) -> None:
    with pytest.raises(errors.Invalid):
        measured(text, metric)


@pytest.mark.parametrize(
    "line",
    [
        "9up 1", "up", "up 1 2 3", "up one", "up 1 now", 'up{a="1} 2', 'up{a="1"', "up{a=1} 1", 'up{a="1" b="2"} 1',
        'up{a="1",a="2"} 1', 'up{="1"} 1', 'up{a="\\x"} 1', "up 0x10", "up 1_000", "up --1", "up ∞", "# TYPE up sundial",
        "# TYPE up gauge\n# TYPE up gauge", "up 1\nup 1", "up\u00a01", "", "# only words",
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        read_scrapes(f"{line}\n")
    assert list(refusal.value.errors) == ["(body)"]


def test_three_expositions_are_too_many() -> None:
    with pytest.raises(errors.Invalid):
        read_scrapes("up 1\n# EOF\nup 1\n# EOF\nup 1\n")


def test_a_line_of_very_many_labels_is_read_in_passing() -> None:
    """Cut off anew at each label, this line held a worker for minutes."""
    line = "up{" + ",".join(f'l{n}=""' for n in range(150_000)) + "} 1"
    began = time.process_time()
    ((_name, labels),) = read_scrapes(line)[0].samples
    assert len(labels) == 150_000
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("a 1e29\nb 1e-999\n", "ratio(a, b)"),
        *((f'x_bucket{{le="{edge}"}} 3\nx_bucket{{le="+Inf"}} 3\n', "p50(x)")
          for edge in ("1e999999999", "-Inf", "-1e40", "1e-999999", "sNaN", "1_0", "")),
    ],
)  # fmt: skip
def test_numbers_nobody_can_divide_are_refused_and_no_fault_of_the_server(text: str, metric: str) -> None:
    with pytest.raises(errors.Invalid):
        measured(text, metric)


names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
label_sets = st.dictionaries(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True), texts, max_size=4)


@settings(max_examples=50)
@given(st.dictionaries(st.tuples(names, label_sets.map(lambda d: tuple(sorted(d.items())))),
                       st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-10**9, max_value=10**9),
                       min_size=1, max_size=8))  # fmt: skip
def test_what_is_written_is_read_again(samples: dict[Any, Decimal]) -> None:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    lines = [
        name + ("{" + ",".join(f'{k}="{escaped(v)}"' for k, v in labels) + "}" if labels else "") + f" {value}"
        for (name, labels), value in samples.items()
    ]
    assert read_scrapes("\n".join(lines))[0].samples == samples


@settings(max_examples=80)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(errors.Refused):
        read_scrapes(text)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=200), st.sampled_from([50, 90, 95, 99]))
def test_a_percentile_lies_in_its_bucket(observed: list[float], percent: int) -> None:
    edges = [0.5, 1, 2, 5, 10]
    data = np.array(observed)
    lines = [f'x_bucket{{le="{edge}"}} {(data <= edge).sum()}' for edge in edges] + [
        f'x_bucket{{le="+Inf"}} {len(data)}'
    ]
    one = measured("\n".join(lines), f"p{percent}(x)")[f"p{percent}(x)"]
    exact = float(np.quantile(data, percent / 100, method="inverted_cdf"))
    assert one.low <= one.value <= one.high
    assert float(one.low) <= exact <= float(one.high)


# --- The door ---------------------------------------------------------------------------------------------------------


def asked(promotion: Promotion, watching: Any, /, **more: Any) -> str:
    start, end = scene.span(promotion)
    query = {
        "promotion": promotion.pk,
        "plan": watching.pk,
        "window_start": start.isoformat(),
        "window_end": end.isoformat(),
    }
    return "/api/v1/monitoring/prometheus?" + urlencode({**query, **more})


@pytest.fixture
def watched(w: World) -> tuple[Promotion, Any]:
    """Something live, with limits on what /metrics says."""
    limits = [
        {"metric": RATE, "comparator": "le", "threshold": "0.05"},
        {"metric": "p95(latency_seconds)", "comparator": "le", "threshold": "0.3"},
    ]
    plan = scene.watch(w, criteria=limits)
    return scene.live(w), plan


def test_a_window_is_read_from_metrics(w: World, api: Any, watched: tuple[Promotion, Any]) -> None:
    answer = api("pipeline").post(asked(*watched), TEXT, content_type="text/plain; version=0.0.4")
    assert answer.status_code == 201, answer.content
    (told,) = answer.json()["results"]
    assert told["verdict"] == "bad", "p95 is 0.35"
    values = {one.metric: one for one in Evidence.objects.get(pk=told["evidence"]).values.all()}
    assert values["p95(latency_seconds)"].ci_high == Decimal("0.5")
    again = api("pipeline").post(asked(*watched), TEXT, content_type="text/plain; version=0.0.4")
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("text", "kind", "more", "status"),
    [
        ("up one", "text/plain", {}, 400), (TEXT, "application/json", {}, 415), (b"\xff", "text/plain", {}, 400),
        ("other 1", "text/plain", {}, 400), (TEXT, "text/plain", {"claim": "passed"}, 400),
        (TEXT, "text/plain", {"plan": 10**15}, 404), (TEXT, "text/plain", {"window_end": "2001-01-01"}, 400),
        ("", "text/plain", {}, 400), ("x 1\n" * 1_200_000, "text/plain", {}, 413),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_answered(
    w: World, api: Any, watched: tuple[Promotion, Any], text: Any, kind: str, more: dict[str, Any], status: int
) -> None:
    answer = api("pipeline").post(asked(*watched, **more), text, content_type=kind)
    assert answer.status_code == status, answer.content
    assert not Evidence.objects.exists()
