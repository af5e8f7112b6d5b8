"""Chapter 9, monitoring: the live forecast meets an El Niño. Truth comes late, a limit is crossed, people answer."""

from datetime import UTC, datetime
from typing import Any

from client import Answer
from scene import ENVIRONMENT, Scene, clock
from science import Candidate
from sea import Errors, errors_of

QUIET, STORM = (1981, 1982), 1983
FORECASTS = 12  # of a year, one for each month
LIMIT = "0.60"  # °C
Window = dict[str, Any]


def tell_monitoring(scene: Scene, live: Candidate) -> None:
    """The chapter."""
    scene.tell.chapter(
        "Monitoring",
        "The forecast of chapter 8 serves, and the years go on; here, a year of the sea takes a moment. Forecasts are "
        "counted as they are made. How far off they were is known later, when the months are over.",
    )
    _limits(scene)
    _quiet(scene, live)
    _left_out(scene, _storm(scene, live))
    _answered(scene)


def _limits(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The limits are locked before anything is observed")
    plan = scene.keep("nino watch", scene.person("OWNER").post("/api/v1/plans", {
        "model": scene.ids["nino model"], "kind": "monitoring_science", "title": "The forecasts of a year",
        "criteria": [{"metric": "rmse", "comparator": "le", "threshold": LIMIT},
                     {"metric": "coverage", "comparator": "ge", "threshold": "0.9"}]}))  # fmt: skip
    scene.moments["nino watched"] = plan["locked_at"]
    before = scene.pipeline.get(f"/api/v1/promotions/{scene.ids['promotion nino 1']}")["started_at"]
    early = _window(scene, before, plan["locked_at"]) | {"predictions": FORECASTS}
    refused = _post(scene, early, expect=400)
    tell.asked(f"POST /api/v1/plans: typical error of a year's forecasts (rmse) ≤ {LIMIT} °C, truth known of 9 in 10; "
               "then POST /api/v1/monitoring: a window that began before version 2 was live")  # fmt: skip
    tell.answered(f"201, locked at {clock(plan['locked_at'])}")
    tell.answered(f"400 {refused['detail']}", refused=True)
    tell.right("Whoever observes hands in numbers, against limits that were there before. What another version did "
               "is not put down to this one.")  # fmt: skip


def _quiet(scene: Scene, live: Candidate) -> None:
    tell = scene.tell
    tell.step(f"{QUIET[0]} and {QUIET[1]}: counted when forecast, judged when the truth is in")
    tell.asked(f"POST /api/v1/monitoring: a window with {FORECASTS} predictions; later the truth of the same window, "
               "as sums over its errors; so for each year")  # fmt: skip
    for year in QUIET:
        window, found = _forecast(scene), errors_of(live, year)
        known = _known(scene, window, found)
        tell.must(known["verdict"] == "good", f"{year} must be good, and is {known['verdict']}.")
        tell.answered(f"{year}: 201, not judged yet; 201, rmse {found.typical:.2f} °C, {known['verdict']}")
    tell.right("Truth joins the window that it belongs to, however late it comes. The server works the error out from "
               "sums, and the verdict from the limits; no single forecast is handed in.")  # fmt: skip


def _storm(scene: Scene, live: Candidate) -> Window:
    tell, promotion = scene.tell, scene.ids["promotion nino 2"]
    tell.step(f"{STORM}: El Niño, and a limit is crossed")
    window, found = _forecast(scene), errors_of(live, STORM)
    known = _known(scene, window, found)
    tell.must(known["verdict"] == "bad", f"{STORM} must be bad, and is {known['verdict']}.")
    findings = scene.audit_tool.get("/api/v1/findings", promotion=promotion)["results"]
    tell.must(len(findings) == 1, f"One finding must be open, and {len(findings)} are.")
    told = _told(scene, f"/promotions/{promotion}/monitoring")
    tell.asked("POST /api/v1/monitoring, the same way; GET /api/v1/findings; GET /api/v1/notices as "
               f"{scene.variables['RISK_USER']}")  # fmt: skip
    tell.answered(f"201, rmse {found.typical:.2f} °C, {known['verdict']}", refused=True)
    tell.answered(f"finding {findings[0]['id']}: {findings[0]['text']}")
    tell.answered(f"in the inbox: {told['title']}")
    tell.right("The finding was written in the transaction of the window. Owners and risk managers are told; nobody "
               "has to be looking at a chart.")  # fmt: skip
    return window


def _left_out(scene: Scene, window: Window) -> None:
    tell = scene.tell
    tell.step("The pipeline would rather have left the worst month out")
    refused = _post(scene, window | {"predictions": FORECASTS - 1}, expect=409)
    tell.asked(f"POST /api/v1/monitoring: the window of {STORM} again, with {FORECASTS - 1} predictions")
    tell.answered(f"409 {refused['detail']}", refused=True)
    tell.right("What was counted before the truth was known is what the truth is held against.")


def _answered(scene: Scene) -> None:
    tell, promotion = scene.tell, scene.ids["promotion nino 2"]
    tell.step("The policy: in seven days version 1 takes over, unless a risk manager answers for version 2")
    notice = scene.audit_tool.get("/api/v1/serving-notices", promotion=promotion)["results"][0]
    tell.must(notice["response"]["fallback"] == "last_good", f"The policy says another thing: {notice['response']}.")
    address = f"/api/v1/serving-notices/{notice['id']}/confirm"
    own = scene.person("OWNER").post(address, {"reason": "It will pass."}, expect=403)
    reason = "Version 1 would be off nearly as far. It serves on, with a warning on each forecast."
    ended = scene.person("RISK").post(address, {"reason": reason})
    live = scene.pipeline.get("/api/v1/live", model="sea-surface-forecast", environment=ENVIRONMENT,
                              namespace=scene.namespace)["results"]  # fmt: skip
    tell.must([one["version"] for one in live] == [2], f"Version 2 must serve on, and {live} does.")
    tell.asked(f"GET /api/v1/serving-notices; POST {address} as the owner, who is a risk manager as well; then as "
               f"{scene.variables['RISK_USER']}; GET /api/v1/live")  # fmt: skip
    tell.answered(f"200, notice {notice['id']}, cause {notice['cause']}, over at {clock(notice['due_at'])}")
    tell.answered(f"403 {own.problem}", refused=True)
    tell.answered(f"201, {ended['kind']}: “{ended['reason']}”; version 2 serves on")
    tell.right("Somebody without a part in it has looked, and says so under their name. Had nobody, version 1 would "
               "have taken over by itself. The finding stays open until a person closes it.")  # fmt: skip


def _told(scene: Scene, url: str) -> dict[str, Any]:
    """What the risk manager is told about a page, once a worker has told them."""

    def about(inbox: Answer) -> list[dict[str, Any]]:
        return [one for one in inbox["results"] if one["url"] == url]

    inbox = scene.person("RISK").wait("/api/v1/notices", lambda answer: about(answer) != [], kind="monitoring-breached")
    return about(inbox)[0]


def _window(scene: Scene, start: str, end: str) -> Window:
    return {"promotion": scene.ids["promotion nino 2"], "plan": scene.ids["nino watch"], "window_start": start,
            "window_end": end}  # fmt: skip


def _forecast(scene: Scene) -> Window:
    """Count the forecasts of a year, in a window that reaches from the last one until now."""
    window = _window(scene, scene.moments["nino watched"], _now())
    counted = _post(scene, window | {"predictions": FORECASTS})["results"][0]
    scene.tell.must(counted["verdict"] == "", "Forecasts that nothing is known of yet must not be judged.")
    scene.moments["nino watched"] = window["window_end"]
    return window


def _known(scene: Scene, window: Window, found: Errors) -> Any:
    """Report how far off the forecasts of a window were; what became of that."""
    sums = {"n": found.n, "sum_error": f"{found.plain:.9f}", "sum_absolute_error": f"{found.absolute:.9f}",
            "sum_squared_error": f"{found.squared:.9f}"}  # fmt: skip
    return _post(scene, window | {"truth": {"known_until": _now(), "regression": sums}})["results"][0]


def _post(scene: Scene, window: Window, expect: int = 201) -> Answer:
    return scene.pipeline.post("/api/v1/monitoring", {"windows": [window]}, expect=expect)


def _now() -> str:
    return datetime.now(UTC).isoformat()
