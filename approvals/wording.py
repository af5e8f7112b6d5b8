"""What people are told, in words. %(name)s stands for the notice's values."""

from django.utils.translation import gettext_lazy as _

from approvals.queries import signatures_no_longer_awaited
from governance.outbox import register_kind

#: By why it ended, as the database names it.
ENVELOPE_ENDED = {
    "plan-replaced": _(
        "A release that is not of it went live in %(environment)s in its place. The next retrain of %(model)s takes"
        " every signature, unless a release brings a new envelope before."
    ),
    "plan-serving-ended": _(
        "What served in %(environment)s on it was suspended, rolled back, recalled or retired. Retrains of %(model)s"
        " take every signature from now on; going back to what served does not revive it."
    ),
    "plan-base-recalled": _(
        "Its base version was recalled. Retrains of %(model)s in %(environment)s take every signature from now on;"
        " what the policy says of the recall is under way."
    ),
}


def register() -> None:
    """Word every kind of notice that this app sends."""
    register_kind(
        "signature-awaited",
        title=_("Your signature is awaited: %(model)s %(version)s for %(environment)s"),
        body=_(
            "Version %(version)s of %(model)s is to go to %(environment)s. Look at the evidence, then sign or reject."
        ),
        link=_("Open the release"),
        over=signatures_no_longer_awaited,
    )
    register_kind(
        "release-promoted",
        title=_("%(model)s %(version)s is live in %(environment)s"),
        body=_(
            "The release you opened passed the gate, and version %(version)s of %(model)s is live in %(environment)s."
        ),
        link=_("Open the release"),
    )
    register_kind(
        "release-rejected",
        title=_("Rejected: %(model)s %(version)s for %(environment)s"),
        body=_("%(by)s closed the release you opened. Reason: %(reason)s"),
        link=_("Open the release"),
    )
    register_kind(
        "release-withdrawn",
        title=_("Withdrawn: %(model)s %(version)s for %(environment)s"),
        body=_("%(by)s withdrew the release you opened. Reason: %(reason)s"),
        link=_("Open the release"),
    )
    register_kind(
        "version-live",
        title=_("%(model)s %(version)s is live in %(environment)s"),
        body=_("Version %(version)s of %(model)s, which you own or signed for, is live in %(environment)s now."),
        link=_("Open the release"),
    )
    register_kind(
        "version-ended",
        title=_("%(model)s %(version)s is no longer live in %(environment)s"),
        body=_("%(by)s ended it. Reason: %(reason)s"),
        link=_("Open the release"),
    )
    register_kind(
        "terms-withdrawn",
        title=_("Terms withdrawn: %(dataset)s"),
        body=_("Terms %(number)s of the dataset %(dataset)s were withdrawn. Nothing made from it can be promoted."),
        link=_("Open the dataset"),
    )
    register_kind(
        "terms-withdrawn-downstream",
        title=_("Terms withdrawn upstream of what you have live: %(dataset)s"),
        body=_(
            "Terms %(number)s of the dataset %(dataset)s were withdrawn. These live versions were made from it:"
            " %(live)s. Decide whether they may keep serving."
        ),
        link=_("Open the dataset"),
    )
    register_kind(
        "terms-expired",
        title=_("Terms have run out: %(dataset)s"),
        body=_("Terms %(number)s of the dataset %(dataset)s have run out and none follow. Record new terms."),
        link=_("Open the dataset"),
    )
    register_kind(
        "terms-expired-downstream",
        title=_("Terms have run out upstream of what you have live: %(dataset)s"),
        body=_(
            "Terms %(number)s of the dataset %(dataset)s have run out and none follow. These live versions were made"
            " from it: %(live)s. Decide whether they may keep serving."
        ),
        link=_("Open the dataset"),
    )
    register_kind(
        "serving-flagged",
        title=_("%(cause)s under %(model)s %(version)s, live in %(environment)s"),
        body=_("It keeps serving, flagged: the policy says so. The way there: %(chain)s."),
        link=_("Look at it"),
    )
    register_kind(
        "found-changed",
        title=_("%(cause)s under %(model)s %(version)s, found in %(environment)s"),
        body=_("It serves as found, so no policy answers for it. Bring it through the gate, or end it."),
        link=_("Look at it"),
    )
    register_kind(
        "serving-due",
        title=_("%(model)s %(version)s stops in %(environment)s at %(due)s unless someone confirms: %(cause)s"),
        body=_("A %(role)s without a hand in it can keep it serving until then. The way there: %(chain)s."),
        link=_("Decide"),
    )
    register_kind(
        "serving-changed",
        title=_("%(cause)s under %(model)s %(version)s, live in %(environment)s"),
        body=_("As the policy says it stops at %(due)s. The way there: %(chain)s."),
        link=_("Look at it"),
    )
    register_kind(
        "serving-stopped",
        title=_("%(model)s %(version)s was suspended in %(environment)s: %(cause)s"),
        body=_("Nothing serves in its place. The way there: %(chain)s."),
        link=_("Look at it"),
    )
    register_kind(
        "serving-fell-back",
        title=_("%(model)s fell back to version %(stead)s in %(environment)s: %(cause)s"),
        body=_("Version %(version)s was suspended, as the policy says. The way there: %(chain)s."),
        link=_("Look at it"),
    )
    register_kind(
        "serving-confirmed",
        title=_("%(model)s %(version)s keeps serving in %(environment)s"),
        body=_("%(by)s confirmed it although this changed: %(cause)s. Reason: %(reason)s"),
        link=_("Look at it"),
    )
    register_kind(
        "serving-cleared",
        title=_("%(model)s %(version)s keeps serving in %(environment)s: the cause is gone"),
        body=_("%(cause)s: no longer so, says %(by)s. Reason: %(reason)s"),
        link=_("Look at it"),
    )
    register_kind(
        "trial-passed",
        title=_("The trial passed: %(plan)s (%(model)s %(version)s)"),
        body=_(
            "%(by)s concluded the trial of %(model)s %(version)s in %(environment)s: it meets every bound of its plan."
            " What it shows is on record as evidence; the challenger may be released on it."
        ),
        link=_("Open the trial"),
    )
    register_kind(
        "trial-failed",
        title=_("The trial did not pass: %(plan)s (%(model)s %(version)s)"),
        body=_(
            "%(by)s concluded the trial of %(model)s %(version)s in %(environment)s: it does not meet every bound of"
            " its plan. Its page says which."
        ),
        link=_("Open the trial"),
    )
    register_kind(
        "envelope-revoked",
        title=_("Retraining envelope revoked: %(envelope)s (%(model)s)"),
        body=_(
            "%(by)s revoked it. Reason: %(reason)s Retrains of %(model)s in %(environment)s take every signature from"
            " now on; what went live on it stays live."
        ),
        link=_("Open the envelope"),
    )
    register_kind(
        "envelope-spent",
        title=_("Retraining envelope used up: %(envelope)s (%(model)s)"),
        body=_(
            "The last of its %(uses)s uses has gone live. The next retrain of %(model)s in %(environment)s takes every"
            " signature, unless a release brings a new envelope before."
        ),
        link=_("Open the envelope"),
    )
    for why, body in ENVELOPE_ENDED.items():
        register_kind(
            f"envelope-{why}",
            title=_("Retraining envelope ended: %(envelope)s (%(model)s)"),
            body=body,
            link=_("Open the envelope"),
        )
    register_kind(
        "monitoring-breached",
        title=_("Breach: %(model)s %(version)s in %(environment)s, %(plan)s"),
        body=_(
            "%(text)s A finding is open; what the policy says of it is under way. Look at it, and answer the finding."
        ),
        link=_("Look at it"),
    )
    register_kind(
        "monitoring-silent",
        title=_("Silent: %(model)s %(version)s in %(environment)s, %(plan)s"),
        body=_(
            "A window should have ended by %(due)s and none has come; one is expected every %(every)s minutes. Whether"
            " it does well nobody knows. Look at what reports it."
        ),
        link=_("Look at it"),
    )
    register_kind(
        "role-expired",
        title=_("A role has ended: %(role)s"),
        body=_("The role %(role)s of %(person)s in %(namespace)s has run out. An administrator can grant it anew."),
    )
    register_kind(
        "evidence-expired",
        title=_("Evidence has run out: %(plan)s"),
        body=_("The evidence under the plan %(plan)s for %(model)s %(version)s is no longer valid. Measure again."),
        link=_("Open the model"),
    )
    register_kind(
        "policy-margin",
        title=_("Too few people for the policy %(policy)s in %(namespace)s"),
        body=_(
            "It asks for %(asked)s signatures as %(roles)s, and %(holders)s persons could give them. %(consequence)s"
            " Ask an administrator to grant the role to more persons, or write a version that asks for fewer."
        ),
        link=_("Open the policy"),
    )
    register_kind(
        "policy-lapsed",
        title=_("Lapsed: the policy %(policy)s"),
        body=_(
            "%(by)s published %(above)s, which asks more. What is above holds here until a new version is published."
            " Asked less: %(loosened)s."
        ),
        link=_("Open the policy"),
    )
    _register_reminders()
    register_kind(
        "finding-overdue",
        title=_("A finding is overdue"),
        body=_("A finding should have been answered by now: %(finding)s"),
    )


def _register_reminders() -> None:
    """What runs out before long: %(left)s is "in 7 days", %(due)s the moment."""
    register_kind(
        "reminder-terms",
        title=_("Terms run out %(left)s: %(dataset)s"),
        body=_(
            "Terms %(number)s of the dataset %(dataset)s, or the time for which its data may be kept, run out at"
            " %(due)s and none follow. Record new terms before, or nothing made from it can be promoted."
        ),
        link=_("Open the dataset"),
    )
    register_kind(
        "reminder-as-found",
        title=_("May not serve any longer %(left)s: %(model)s %(version)s in %(environment)s"),
        body=_(
            "It was brought in as found and never passed a gate. From %(due)s it may not serve, and this date is never"
            " moved. Open a release for it, or take it out of service."
        ),
        link=_("Look at it"),
    )
    register_kind(
        "reminder-onboarding-window",
        title=_("The onboarding window closes %(left)s: %(namespace)s"),
        body=_("From %(due)s nothing comes into %(namespace)s as found. What is still missing has to come in before."),
        link=_("Open the imports"),
    )
    register_kind(
        "reminder-evidence",
        title=_("Evidence runs out %(left)s: %(plan)s"),
        body=_("The evidence under the plan %(plan)s for %(model)s %(version)s is valid until %(due)s. Measure again."),
        link=_("Open the version"),
    )
    register_kind(
        "reminder-role",
        title=_("A role ends %(left)s: %(role)s of %(person)s"),
        body=_(
            "The role %(role)s of %(person)s in %(namespace)s ends at %(due)s. An administrator can grant it anew; a"
            " role that signs takes two of them and begins after the delay."
        ),
    )
    register_kind(
        "reminder-api-key",
        title=_("An API key expires %(left)s: %(account)s"),
        body=_(
            "The key %(prefix)s… of the service account %(account)s expires at %(due)s, and no newer one lasts longer."
            " Have an administrator issue one, and put it in place before."
        ),
    )
    register_kind(
        "reminder-finding",
        title=_("To be answered %(left)s: a finding of the kind %(kind)s"),
        body=_("By %(due)s it is to be answered. %(consequence)s What it says: %(finding)s"),
        link=_("Open the finding"),
    )
    register_kind(
        "reminder-review",
        title=_("Review due %(left)s: %(model)s %(version)s in %(environment)s"),
        body=_("The periodic review of %(model)s %(version)s falls due at %(due)s; a release for it is opened then."),
        link=_("Look at it"),
    )
    register_kind(
        "reminder-trial",
        title=_("The trial ends %(left)s: %(model)s %(version)s in %(environment)s"),
        body=_("The trial of %(model)s %(version)s ends at %(due)s. It is retired then, unless it is promoted before."),
        link=_("Look at it"),
    )
    register_kind(
        "reminder-envelope",
        title=_("Retraining envelope ends %(left)s: %(envelope)s (%(model)s)"),
        body=_(
            "It ends at %(due)s; %(unused)s of its %(uses)s uses are left. Retrains of %(model)s in %(environment)s"
            " take every signature from then on: have a release bring a new envelope before."
        ),
        link=_("Open the envelope"),
    )
    register_kind(
        "reminder-serving-notice",
        title=_("%(model)s %(version)s stops serving %(left)s in %(environment)s: %(cause)s"),
        body=_("The notice ends at %(due)s. Who may confirm that it keeps serving has to do so before."),
        link=_("Decide"),
    )
    register_kind(
        "reminder-observe-only",
        title=_("The gate of %(environment)s refuses again %(left)s"),
        body=_("Until %(due)s it only observes. Look at what it would have refused, and mend it before."),
        link=_("Open the environment"),
    )
