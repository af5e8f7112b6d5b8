"""Long work that somebody asked for: started through the outbox, run by Celery, its progress seen on page and API.

The row of the job is the truth; the broker carries hints. A job whose worker was killed is taken up by another one.

A kind of job is a function, registered where its app's `tasks` module imports it::

    from governance.jobs import Run, job

    @job("inventory-import", title=_("Import of an inventory"), may_read=may_read_import)
    def bring_in(run: Run) -> None:
        upload = Upload.objects.get(pk=run.params["upload"])
        for slice in slices(upload, start=run.checkpoint.get("row", 0)):
            with recorded_action(actor=run.asked_by, reason=run.reason):   # never inside another transaction
                import_rows(slice)
                run.keep({"row": slice.end})      # last in the transaction: committed with the work, or not at all
            run.progress(slice.end, upload.rows, _("rows"))                # in memory; written every second
        run.attach(path, "remainder.csv", "text/csv")                      # a file to download, kept for some days
        run.finish(_("9,800 models brought in"), url=f"/imports/{upload.pk}", result={"models": 9800})

and an action asks for it, in the transaction of the act if there is one::

    job, created = ask(
        "inventory-import", asked_by=actor, reason=reason, params={"upload": upload.pk}, key=f"upload:{upload.pk}"
    )
    return redirect("job", job.pk)

The rules such a function lives by:

* It is called outside any transaction, again from the start after its worker died, and may be called a second time
  after it did everything. What it must not do twice it does in transactions that end with `run.keep` (go on from
  `run.checkpoint`) or, where all of it is one transaction, with `run.finish`: the row of the job is part of them.
* `run.progress` may be called as often as one likes. It raises JobLost once another worker has taken over or somebody
  has cancelled the job; so do `keep` and `finish`, which rolls back the transaction they stand in. Let it through.
* A refusal (`governance.errors.Refused`) ends the job as failed, with its sentence and its `errors` for who asked.
* `raise Later(seconds, message)` puts the job back without counting a failure, for at most `PATIENCE`.
* Any other exception is ours: tried again with back-off, at last failed; the reason is shown to administrators only.
* `params` and `result` hold ids and plain values; whoever may see the job sees them.

Who asked sees a job, and administrators and auditors of everything do; who asked and administrators cancel it. A file
is given out only while `may_read` says that who downloads it may still read what it is about.
"""

from governance.jobs.actions import ask, cancel
from governance.jobs.kinds import job
from governance.jobs.runner import JobLost, Later, Run

__all__ = ["JobLost", "Later", "Run", "ask", "cancel", "job"]
