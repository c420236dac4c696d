"""The operator's view of the registry."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest  # noqa: TID251  the admin is a page

from common import clock
from common.admin import BaseAdmin, ReadOnlyAdmin
from registry.models import (
    Alias,
    AliasMove,
    MlflowExperiment,
    MlflowRun,
    Model,
    ModelVersion,
    PipelineJob,
)
from registry.tasks import send_job


@admin.register(Model)
class ModelAdmin(BaseAdmin):
    list_display = ("name", "organization", "status", "created_by", "created_at", "updated_at")
    list_filter = ("status",)
    list_select_related = ("organization", "created_by")
    search_fields = ("name", "organization__slug", "=id")
    readonly_fields = ("id", "organization", "name", "created_by", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ("model", "number", "state", "status", "runtime", "size", "created_at", "reason")
    list_filter = ("state", "status", "runtime", "format")
    list_select_related = ("model__organization",)
    search_fields = ("model__name", "=sha256", "=id")


@admin.register(Alias)
class AliasAdmin(ReadOnlyAdmin):
    list_display = ("name", "model", "version", "updated_at")
    list_select_related = ("model__organization", "version__model")
    search_fields = ("name", "model__name", "=model__id")


@admin.register(AliasMove)
class AliasMoveAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "model", "alias", "kind", "before", "number", "moved_by")
    list_filter = ("kind",)
    list_select_related = ("model__organization", "moved_by")
    search_fields = ("alias", "model__name", "=model__id", "reason")


@admin.register(PipelineJob)
class PipelineJobAdmin(ReadOnlyAdmin):
    list_display = ("version", "state", "attempts", "lease_until", "not_before", "finished_at")
    list_filter = ("state",)
    list_select_related = ("version__model",)
    actions = ("run_now",)

    @admin.action(description="Run the selected unfinished jobs now")
    def run_now(self, request: HttpRequest, jobs: QuerySet[PipelineJob]) -> None:
        waiting = jobs.filter(state=PipelineJob.State.QUEUED)
        waiting.update(not_before=clock.now())
        for job in waiting:
            send_job(job.id)
        self.message_user(request, f"{len(waiting)} sent.")


@admin.register(MlflowExperiment)
class MlflowExperimentAdmin(ReadOnlyAdmin):
    list_display = ("name", "organization", "number", "created_at", "deleted_at")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__slug")


@admin.register(MlflowRun)
class MlflowRunAdmin(ReadOnlyAdmin):
    list_display = ("run_id", "name", "experiment", "status", "points", "created_at", "deleted_at")
    list_filter = ("status",)
    list_select_related = ("experiment",)
    search_fields = ("=id", "name", "experiment__name")
