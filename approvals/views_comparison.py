"""The comparison of a release: candidate, what serves in its place, and baseline."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from approvals.comparison import compare
from approvals.models import Release
from governance.api.principals import principal_of
from governance.api.views import readable
from lineage.pages.paging import read_id


@require_safe
@login_required
def comparison_page(request: HttpRequest, id: str) -> HttpResponse:
    """Everything that can be compared, worst first, and what cannot, with the reason. Made to be printed too."""
    reader = principal_of(request)
    release = (
        readable(Release, reader)
        .select_related("model_version__model__namespace", "model_version__parent_version__model", "environment")
        .filter(pk=read_id(id))
        .first()
    )
    if release is None:
        raise Http404
    return render(request, "approvals/comparison.html", {"release": release, "found": compare(release, reader)})
