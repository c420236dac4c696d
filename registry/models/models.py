"""Models, their versions, and the job that takes a version from upload to live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Lower

from common import clock
from common.ids import uuid7
from common.leases import HAS_LEASE, Leased
from common.models import Record
from registry.models.shares import ModelShare

if TYPE_CHECKING:
    from accounts.actors import Actor

MOST_CACHE_SECONDS = 86_400
MOST_CONCURRENCY = 1000
MOST_TIMEOUT_S = 30
STEPS = ("received", "typed", "triaged", "loaded", "signature", "compiled", "parity", "published")


class Status(models.TextChoices):
    """The life cycle, set by people."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    ARCHIVED = "archived"


class State(models.TextChoices):
    """How far the pipeline has come, set by it alone."""

    SCANNING = "scanning"
    READY = "ready"
    REJECTED = "rejected"


class Runtime(models.TextChoices):
    """What answers: the compiled graph, or the original in a jail."""

    ONNX = "onnx"
    NATIVE = "native"


class StoreInputs(models.TextChoices):
    """Which predictions' inputs are kept in the log; outputs always are."""

    ALL = "all"
    SAMPLED = "sampled"
    NONE = "none"


class ModelQuerySet(models.QuerySet["Model"]):
    def visible_to(self, actor: Actor) -> ModelQuerySet:
        """The models whose existence the actor may know of, each with what shares `granted`.

        For finding one; lists ask for `owned_by` or `shared_with`, each of which has an index.
        """
        shared = ModelShare.objects.reaching(actor).values("model_id")
        mine = Q(organization_id__in=actor.organization_ids) | Q(id__in=shared)
        return self.within(actor).filter(mine).with_grant(actor)

    def owned_by(self, actor: Actor) -> ModelQuerySet:
        """The models of the actor's organizations."""
        owned = self.within(actor).filter(organization_id__in=actor.organization_ids)
        return owned.annotate(granted=models.Value(0))

    def shared_with(self, actor: Actor) -> ModelQuerySet:
        """Other organizations' models that the actor was given a share of, or a team of theirs."""
        shared = ModelShare.objects.reaching(actor).values("model_id")
        others = self.within(actor).exclude(organization_id__in=actor.organization_ids)
        return others.filter(id__in=shared).with_grant(actor)

    def within(self, actor: Actor) -> ModelQuerySet:
        """Those a key is for, where it is for some alone."""
        if not actor.model_refs:
            return self
        wanted = Q()
        for ref in actor.model_refs:
            owner, _, name = ref.rpartition("/")
            wanted |= Q(organization__slug=owner, lower_name=name) if owner else Q(id=name)
        return self.named().filter(wanted)

    def named(self, name: str = "") -> ModelQuerySet:
        """Annotate `lower_name`, which is what the index holds; filter by it where one is given."""
        lower = self.alias(lower_name=Lower("name"))
        return lower.filter(lower_name=name.lower()) if name else lower

    def with_grant(self, actor: Actor) -> ModelQuerySet:
        """Annotate `granted`: the rank of the best share that reaches the actor, 0 for none."""
        shares: Any = ModelShare.objects.reaching(actor)  # with `rank`, unknown to the type
        best = shares.filter(model_id=models.OuterRef("pk")).order_by("-rank")
        rank = models.Subquery(best.values("rank")[:1])
        return self.annotate(granted=Coalesce(rank, 0))

    def with_latest(self) -> ModelQuerySet:
        """Annotate what a list shows of the newest version."""
        newest = ModelVersion.objects.filter(model=models.OuterRef("pk")).order_by("-number")
        return self.annotate(
            latest_version=models.Subquery(newest.values("number")[:1]),
            latest_state=models.Subquery(newest.values("state")[:1]),
            latest_runtime=models.Subquery(newest.values("runtime")[:1]),
        )


class Model(Record):
    """A name that an organization's versions stand under."""

    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="models"
    )
    name = models.CharField(max_length=63)
    description = models.TextField(blank=True, max_length=10_000)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    metadata = models.JSONField(default=dict, blank=True)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    store_inputs = models.CharField(
        max_length=10,
        choices=StoreInputs.choices,
        default=StoreInputs.ALL,
        db_default=StoreInputs.ALL,
        help_text="Which predictions' inputs the log keeps.",
    )
    store_inputs_percent = models.PositiveSmallIntegerField(
        default=10, db_default=10, help_text="Of those predictions, where they are sampled."
    )
    masked_features = ArrayField(
        models.CharField(max_length=200),
        default=list,
        db_default=[],
        blank=True,
        help_text="Features whose values the log never keeps.",
    )
    cache_seconds = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="For how long the same rows get the same answer again; 0: never.",
    )
    max_concurrency = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Calls that a web process answers at once; empty: any."
    )
    timeout_s = models.PositiveSmallIntegerField(
        default=30, db_default=30, help_text="Seconds the model may take for one call."
    )
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="+", null=True
    )

    objects = ModelQuerySet.as_manager()

    class Meta:
        ordering = ("-updated_at", "-id")
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), name="model_name_unique_in_organization"
            ),
            models.CheckConstraint(
                condition=Q(name__regex=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"),
                name="model_name_well_formed",
            ),
            models.CheckConstraint(
                condition=Q(store_inputs_percent__gte=1, store_inputs_percent__lte=100),
                name="model_percent_is_one",
            ),
            models.CheckConstraint(
                condition=Q(cache_seconds__lte=MOST_CACHE_SECONDS), name="model_cache_bounded"
            ),
            models.CheckConstraint(
                condition=Q(max_concurrency__isnull=True)
                | Q(max_concurrency__gte=1, max_concurrency__lte=MOST_CONCURRENCY),
                name="model_concurrency_bounded",
            ),
            models.CheckConstraint(
                condition=Q(timeout_s__gte=1, timeout_s__lte=MOST_TIMEOUT_S),
                name="model_timeout_bounded",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-updated_at", "-id"], name="model_newest"),
            GinIndex(fields=["tags"], name="model_tags"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def reference(self) -> str:
        """`owner/name`; wants `organization` selected."""
        return f"{self.organization.slug}/{self.name}"


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def owned_by(self, actor: Actor) -> ModelVersionQuerySet:
        """The versions of the models of the actor's organizations."""
        return self.filter(model_id__in=Model.objects.owned_by(actor).values("id"))

    def ready(self) -> ModelVersionQuerySet:
        return self.filter(state=State.READY)


class ModelVersion(Record):
    """One uploaded file and everything found out about it. The file never changes."""

    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.SCANNING)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    steps = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    code = models.CharField(max_length=60, blank=True)

    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    framework = models.CharField(max_length=30, blank=True)
    format = models.CharField(max_length=20, blank=True)
    libraries = models.JSONField(default=dict, blank=True)
    info = models.JSONField(default=dict, blank=True)

    signature = models.JSONField(null=True, blank=True)
    declared_signature = models.JSONField(null=True, blank=True)
    example = models.JSONField(null=True, blank=True)
    hints = models.JSONField(
        null=True, blank=True, help_text="What came with the file, to be taken where it fits."
    )
    plan = models.JSONField(null=True, blank=True)
    runtime = models.CharField(max_length=10, choices=Runtime.choices, blank=True)
    in_process = models.BooleanField(default=False)
    runtime_reason = models.TextField(blank=True)
    graph_sha256 = models.CharField(max_length=64, blank=True)
    parity = models.JSONField(null=True, blank=True)
    latency = models.JSONField(default=dict, blank=True)

    origin = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Where it comes from, as its uploader says.",
    )
    parents = models.ManyToManyField("self", symmetrical=False, related_name="children", blank=True)

    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="+", null=True
    )
    ready_at = models.DateTimeField(null=True, blank=True)
    deprecated_at = models.DateTimeField(null=True, blank=True, help_text="Since when it warns.")
    purge_at = models.DateTimeField(null=True, blank=True, help_text="When its file is deleted.")
    purged_at = models.DateTimeField(null=True, blank=True, help_text="Since when it has no file.")

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="version_number_unique"),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_number_positive"),
            models.CheckConstraint(
                condition=~Q(state=State.READY)
                | (Q(signature__isnull=False) & ~Q(runtime="") & Q(ready_at__isnull=False)),
                name="version_ready_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.DEPRECATED) ^ Q(deprecated_at__isnull=True),
                name="version_deprecated_since",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.REJECTED) | ~Q(reason=""),
                name="version_rejected_says_why",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.ARCHIVED) | Q(purge_at=None, purged_at=None),
                name="version_deleted_is_archived",
            ),
        ]
        indexes = [
            models.Index(fields=["sha256"], name="version_by_digest"),
            models.Index(
                fields=["purge_at"], name="version_to_purge", condition=Q(purge_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.number}"

    @property
    def served_sha256(self) -> str:
        """The digest of the blob that is loaded to serve: the graph's, else the file's own."""
        compiled = self.runtime == Runtime.ONNX and self.graph_sha256
        return self.graph_sha256 if compiled else self.sha256

    @property
    def answers(self) -> bool:
        """Whether a call to this very version would be answered."""
        return self.state == State.READY and self.status != Status.ARCHIVED

    @property
    def is_finished(self) -> bool:
        return self.state != State.SCANNING


def waiting_steps() -> list[dict[str, Any]]:
    """The pipeline's steps before any of them has begun."""
    return [
        {"name": name, "state": "waiting", "started_at": None, "ms": None, "detail": ""}
        for name in STEPS
    ]


class PipelineJob(Leased):
    """The truth about a version's way through the pipeline; a queue message only points here."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="job")
    quarantine_path = models.TextField()
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=HAS_LEASE, name="pipeline_running_has_lease")
        ]
        indexes = [
            models.Index(
                fields=["not_before"], name="pipeline_unfinished", condition=~Q(state="done")
            )
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.state}"
