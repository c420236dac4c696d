"""The registry's pages. htmx asks the same views and gets the part that changes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages import actor
from accounts.pages.acting import acted
from accounts.pages.history_views import history_page
from accounts.selectors import places
from common.errors import DomainError
from common.http.partials import form_problem, is_partial, wants_json
from common.http.uploads import receives_files
from registry import downloads, selectors, services
from registry.api.serializers import ModelFilter
from registry.errors import UnknownFeature
from registry.models import Model, ModelVersion, Status
from registry.pages.forms import ModelForm, UploadForm
from registry.permissions import can_edit_model, can_share_model, permission_of
from registry.refs import ModelRef
from registry.samples import samples

PAGE_SIZE = 20


@login_required
@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """Every model one may see, searched and filtered as one types."""
    found = ModelFilter(request.GET, queryset=selectors.list_models(actor(request)))
    page = Paginator(found.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "form": found.form, "filtered": any(request.GET.values())}
    template = "registry/_models.html" if is_partial(request) else "registry/models.html"
    return render(request, template, context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@receives_files
def upload(request: HttpRequest) -> HttpResponse:
    """The way in for a file: dropped, picked, or from a plain form."""
    owner, _, name = request.GET.get("name", "").rpartition("/")
    owners = places.list_homes(actor(request))
    given = {"name": name, "owner": owner}
    form = UploadForm(request.POST or None, request.FILES or None, initial=given, owners=owners)
    if request.method != "POST" or not form.is_valid():
        return _upload_form(request, form)
    file = form.cleaned_data["file"]
    try:
        wanted = services.Upload(filename=file.name or "", **form.wished())
        file.taken = True
        version = services.upload_file(file.received, wanted, actor=actor(request))
    except DomainError as error:
        form.add_error("name" if error.code == "bad_name" else None, error.message)
        return _upload_form(request, form)
    location = version_url(version)
    return (
        JsonResponse({"location": location}, status=201)
        if wants_json(request)
        else redirect(location)
    )


def _upload_form(request: HttpRequest, form: UploadForm) -> HttpResponse:
    if form.is_bound and wants_json(request):
        return form_problem(form)
    status = 400 if form.is_bound else 200
    return render(request, "registry/upload.html", {"form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def model(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """One model: what it is, its versions, how to call it, and a form to change it."""
    who = actor(request)
    found = selectors.get_model(who, ModelRef(owner=owner, name=name))
    form = ModelForm(request.POST or None, initial=_changeable(found))
    if request.method == "POST" and form.is_valid():
        try:
            services.update_model(found, form.cleaned_data, actor=who)
        except UnknownFeature as error:
            form.add_error("masked_features", error.message)
        else:
            messages.success(request, "Saved.")
            return redirect("model", owner=owner, name=name)
    versions = list(selectors.list_versions(found).prefetch_related("aliases")[:50])
    serving = selectors.list_answering(found).first()
    context = {"model": found, "versions": versions, "form": form, "serving": serving}
    context |= {"samples": samples(found, serving, who), "may_edit": can_edit_model(who, found)}
    context |= {"may_share": can_share_model(who, found), "permission": permission_of(who, found)}
    return render(request, "registry/model.html", context)


def _changeable(model: Model) -> dict[str, Any]:
    """What the form begins with."""
    return {
        "description": model.description,
        "tags": ", ".join(model.tags),
        "status": model.status,
        "store_inputs": model.store_inputs,
        "store_inputs_percent": model.store_inputs_percent,
        "masked_features": ", ".join(model.masked_features),
        "cache_seconds": model.cache_seconds,
        "max_concurrency": model.max_concurrency,
        "timeout_s": model.timeout_s,
    }


@login_required
@require_safe
def model_history(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """What happened to a model and its versions."""
    found = selectors.get_model(actor(request), ModelRef(owner=owner, name=name))
    return history_page(
        request,
        name=found.reference,
        back=reverse("model", args=[owner, name]),
        subject_id=found.id,
        organization_id=found.organization_id,
    )


@login_required
@require_safe
def version(request: HttpRequest, owner: str, name: str, number: int) -> HttpResponse:
    """One version: its steps while it is checked, its figures once it is ready."""
    found = _version(request, owner, name, number)
    partial = is_partial(request)
    template = "registry/_version.html" if partial else "registry/version.html"
    may_edit = can_edit_model(actor(request), found.model)
    context = {"version": found, "model": found.model, "may_edit": may_edit}
    return render(request, template, context)


@login_required
@require_POST
def delete_version(request: HttpRequest, owner: str, name: str, number: int) -> HttpResponse:
    """Archive a version; its file goes later."""
    found = _version(request, owner, name, number)
    return acted(
        request,
        f"Version {number} is deleted.",
        lambda: services.delete_version(found, actor=actor(request)),
        "version",
        owner,
        name,
        number,
    )


@login_required
@require_POST
def restore_version(request: HttpRequest, owner: str, name: str, number: int) -> HttpResponse:
    """Take an archived version back into service, as long as its file is there."""
    found = _version(request, owner, name, number)
    return acted(
        request,
        f"Version {number} is restored.",
        lambda: services.update_version(found, {"status": Status.ACTIVE}, actor=actor(request)),
        "version",
        owner,
        name,
        number,
    )


@login_required
@require_safe
def download(request: HttpRequest, owner: str, name: str, number: int) -> FileResponse:
    """The file as it was uploaded."""
    found = _version(request, owner, name, number)
    selectors.check_use(actor(request), found.model)
    return downloads.artifact_response(found)


def version_url(version: ModelVersion) -> str:
    """The address of a version's page."""
    model = version.model
    return reverse("version", args=[model.organization.slug, model.name, version.number])


def _version(request: HttpRequest, owner: str, name: str, number: int) -> ModelVersion:
    model = selectors.get_model(actor(request), ModelRef(owner=owner, name=name))
    return selectors.get_version(model, number)
