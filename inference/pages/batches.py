"""Files of rows: the form, the list, and one job with its progress."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages import actor
from common.errors import Conflict, Invalid
from common.http.partials import form_problem, is_partial, wants_json
from common.http.uploads import receives_files
from inference import selectors, services
from inference.api.batch_views import result_response
from inference.pages.forms import BatchForm, features_of
from registry.models import ModelVersion
from registry.permissions import can_edit_model
from registry.refs import ModelRef
from registry.selectors import resolve_for_use

PAGE_SIZE = 20


def _most_bytes() -> int:
    return int(settings.BATCH_MAX_BYTES)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def _submit(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """The way in for a file: dropped, picked, or from a plain form."""
    who, ref = actor(request), ModelRef(owner=owner, name=name)
    version = resolve_for_use(who, ref)
    sent = request.method == "POST"
    form = BatchForm(request.POST, request.FILES) if sent else BatchForm()
    if not sent or not form.is_valid():
        return _form(request, form, version)
    data = dict(form.cleaned_data)
    file = data.pop("file")
    try:
        asked = services.BatchFile(filename=file.name or "", **data)
        job = services.submit_batch(f"{owner}/{name}", file.received, asked, actor=who)
    except (Invalid, Conflict) as error:
        form.add_error(None, error.message)
        return _form(request, form, version)
    location = reverse("batch-job", args=[job.id])
    if wants_json(request):
        return JsonResponse({"location": location}, status=201)
    return redirect(location)


submit = receives_files(_submit, most=_most_bytes)


@login_required
@require_safe
def batch_jobs(request: HttpRequest) -> HttpResponse:
    """Every job one may see, newest first."""
    rows = Paginator(selectors.list_batches(actor(request)), PAGE_SIZE)
    page = rows.get_page(request.GET.get("page"))
    return render(request, "inference/batch_jobs.html", {"page": page})


@login_required
@require_safe
def batch_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One job; htmx asks for it until it is over."""
    who = actor(request)
    job = selectors.get_batch(who, job_id)
    may_cancel = not job.is_over and (
        job.user_id == who.id or can_edit_model(who, job.version.model)
    )
    context = {
        "job": job,
        "model": job.version.model,
        "percent": round(100 * job.progress, 1),
        "may_cancel": may_cancel,
        "days": settings.BATCH_RETENTION_DAYS,
    }
    if is_partial(request):
        return render(request, "inference/_batch_job.html", context)
    return render(request, "inference/batch_job.html", context)


@login_required
@require_safe
def batch_result(request: HttpRequest, job_id: UUID) -> FileResponse:
    """The result as a file."""
    return result_response(selectors.get_batch(actor(request), job_id))


@login_required
@require_POST
def batch_cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """End a job before it is done."""
    who = actor(request)
    try:
        services.cancel_batch(selectors.get_batch(who, job_id), actor=who)
    except Conflict as error:
        messages.warning(request, error.message)
    return redirect("batch-job", job_id)


def _form(request: HttpRequest, form: BatchForm, version: ModelVersion) -> HttpResponse:
    if form.is_bound and wants_json(request):
        return form_problem(form)
    features = features_of(version.signature or {})
    context = {"form": form, "version": version, "model": version.model, "features": features}
    status = 400 if form.is_bound else 200
    return render(request, "inference/batch_submit.html", context, status=status)
