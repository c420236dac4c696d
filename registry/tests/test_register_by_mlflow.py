"""It registers and serves what MLflow's clients have logged here, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import Membership, Organization, User
from common.models import EventRecord
from registry.leases import claim_job
from registry.models import (
    Alias,
    Model,
    ModelShare,
    ModelVersion,
    PipelineJob,
    Registration,
    State,
    Status,
)
from registry.pipeline import run_pipeline
from registry.tests.factories import make_model, make_version
from registry.tests.mlflow_api import MANIFEST, MlflowApi, model_files, pickled, place_of, told

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], APIClient]
INVALID = (400, "INVALID_PARAMETER_VALUE")
MISSING = (404, "RESOURCE_DOES_NOT_EXIST")
DENIED = (403, "PERMISSION_DENIED")
EXISTS = (400, "RESOURCE_ALREADY_EXISTS")


@pytest.fixture
def api(alice: User, client_for: ClientFor) -> MlflowApi:
    return MlflowApi(client_for(alice))


def run(version: ModelVersion) -> ModelVersion:
    """Take a version through the pipeline."""
    job = claim_job(PipelineJob.objects.get(version=version).id)
    assert job is not None
    run_pipeline(job)
    version.refresh_from_db()
    return version


@pytest.fixture
def churn(alice: User) -> Model:
    """A model with two versions that answer."""
    model = make_model(alice)
    make_version(model)
    make_version(model)
    return model


# From a folder to an answer.


def test_a_logged_folder_is_registered_and_served(api: MlflowApi, jail: str) -> None:
    source = api.log_folder()
    run_id = source.split("/")[1]
    made = api.register(
        "churn", source, run_id=run_id, description="d", tags=[{"key": "a", "value": "b"}]
    ).json()["model_version"]
    assert made["status"] == "PENDING_REGISTRATION"
    assert (made["version"], made["run_id"], made["description"]) == ("1", run_id, "d")
    assert made["source"] == f"mlflow-artifacts:/0/{run_id}/artifacts/model"
    version = run(ModelVersion.objects.get())
    assert version.state == State.READY, version.reason
    assert version.signature is not None
    names = [feature["name"] for feature in version.signature["inputs"][0]["features"]]
    assert names == ["width", "height"]
    assert version.example == [[1.0, 2.0], [2.0, 1.0]]
    assert version.libraries["mlflow"] == "2.22.4"
    found = api.get("model-versions/get", name="churn", version="1").json()["model_version"]
    assert (found["status"], found["tags"]) == ("READY", [{"key": "a", "value": "b"}])
    answer = api.client.post(
        "/api/v1/models/churn/predict",
        {"records": [{"width": 1.0, "height": 0.0}]},
        format="json",
    )
    assert answer.json()["predictions"] == [1]
    where = api.get("model-versions/get-download-uri", name="churn", version="1").json()
    assert where == {"artifact_uri": made["source"]}
    assert b"".join(api.fetch(f"{where['artifact_uri'].partition(':/')[2]}/model.pkl")) == pickled()


def test_a_version_says_which_run_it_came_from(api: MlflowApi) -> None:
    source = api.log_folder()
    run_id = source.split("/")[1]
    api.post("runs/update", run_id=run_id, run_name="night 7")
    api.post("runs/set-tag", run_id=run_id, key="mlflow.source.git.commit", value="1a2b")
    dataset = {"name": "churn-2026", "digest": "ab12", "source_type": "local", "source": "{}"}
    api.post("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset, "tags": []}])
    assert api.register("churn", source).status_code == 200
    assert ModelVersion.objects.get().origin == {
        "run": f"night 7 ({run_id})",
        "commit": "1a2b",
        "dataset": "churn-2026",
        "dataset_digest": "ab12",
    }


def test_what_is_deleted_here_loses_its_file_in_time(api: MlflowApi, churn: Model) -> None:
    api.delete("model-versions/delete", name="churn", version="1")
    first, second = churn.versions.order_by("number")
    assert first.purge_at is not None
    assert (second.purge_at, second.status) == (None, Status.ACTIVE)
    assert told(api.delete("registered-models/delete", name="churn")) == (200, "")
    assert churn.versions.filter(purge_at=None).count() == 0
    api.post("registered-models/create", name="churn")
    assert churn.versions.exclude(status=Status.ARCHIVED).count() == 0
    assert churn.versions.filter(purge_at=None).count() == 0


def test_hints_that_do_not_fit_are_passed_over(api: MlflowApi, jail: str) -> None:
    manifest = MANIFEST.replace('"name": "width"', '"name": "only"', 1).replace("height", "only")
    files = model_files(manifest, {"input_example.json": b'{"data": [[1, 2, 3, 4]]}'})
    api.register("churn", api.log_folder(files))
    version = run(ModelVersion.objects.get())
    assert version.state == State.READY, version.reason
    assert version.example is None
    assert version.signature is not None
    assert [f["name"] for f in version.signature["inputs"][0]["features"]] == ["x0", "x1"]


def test_a_file_the_pipeline_refuses_is_told_with_its_reason(api: MlflowApi, jail: str) -> None:
    source = api.log_folder(model_files(more={"model.pkl": b"not a model"}))
    api.register("churn", source)
    run(ModelVersion.objects.get())
    found = api.get("model-versions/get", name="churn", version="1").json()["model_version"]
    assert found["status"] == "FAILED_REGISTRATION"
    assert found["status_message"]
    assert b"".join(api.fetch(place_of_source(source) + "/model.pkl")) == b"not a model"


def place_of_source(source: str) -> str:
    run_id = source.split("/")[1]
    return f"0/{run_id}/artifacts/model"


def test_a_logged_models_folder_is_a_source(api: MlflowApi) -> None:
    info = api.post("logged-models", experiment_id="0", name="m").json()["model"]["info"]
    for path, content in model_files().items():
        api.put(f"{place_of(info)}/{path}", content)
    made = api.register("churn", f"models:/{info['model_id']}", model_id=info["model_id"])
    found = made.json()["model_version"]
    assert (found["model_id"], found["source"]) == (info["model_id"], info["artifact_uri"])


def test_a_version_is_a_source_by_number_and_by_alias(api: MlflowApi) -> None:
    source = api.log_folder()
    api.register("churn", source)
    assert api.register("copy", "models:/churn/1").status_code == 200
    assert told(api.register("copy", "models:/churn/2")) == MISSING
    assert told(api.register("copy", "models:/churn@champion")) == MISSING
    copies = Registration.objects.values_list("source", flat=True)
    assert len(set(copies)) == 1


def test_the_file_is_nowhere_twice_and_the_logged_one_stays(api: MlflowApi, folders: Path) -> None:
    source = api.log_folder()
    api.register("churn", source)
    [waiting] = (folders / "quarantine").glob("*")
    [logged] = [
        path
        for path in (folders / "files" / "mlflow").rglob("*")
        if path.is_file() and path.read_bytes() == pickled()
    ]
    assert waiting.samefile(logged)
    waiting.unlink()
    assert b"".join(api.fetch(f"{place_of_source(source)}/model.pkl")) == pickled()


# What is no source.


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd", "/etc/passwd", "etc/passwd", "http://169.254.169.254/latest",
        "https://example.org/model", "s3://bucket/model", "gs://bucket/model", "dbfs:/model",
        "ftp://example.org/x", "FILE:///etc/passwd", "runs:/../../etc/passwd", "runs:/x/y",
        "mlflow-artifacts:/../../etc", "mlflow-artifacts:/etc/passwd", "models:/m-1/../x",
        "mlflow-artifacts://other.example.org/0/x/artifacts", "models:/", "runs:/", "", "runs://h/x",
        "mlflow-artifacts:/%2e%2e/x", "runs:/a#b/c", "runs:/a?b/c", "models:/a/b/c", "models:m-1",
        "x" * 1501,
    ],
)  # fmt: skip
def test_a_source_that_is_not_here_is_refused(api: MlflowApi, source: str) -> None:
    answer = api.register("churn", source)
    assert told(answer) == INVALID, answer.content
    assert not ModelVersion.objects.exists()


def test_others_runs_and_models_are_no_source(
    api: MlflowApi, charlie: User, client_for: ClientFor
) -> None:
    source = api.log_folder()
    run_id = source.split("/")[1]
    info = api.post("logged-models", experiment_id="0", name="m").json()["model"]["info"]
    theirs = MlflowApi(client_for(charlie))
    own = theirs.log_folder()
    for foreign in (source, f"models:/{info['model_id']}", info["artifact_uri"],
                    f"mlflow-artifacts:/{place_of_source(source)}"):  # fmt: skip
        assert told(theirs.register("churn", foreign)) == MISSING
    assert told(theirs.register("churn", own, run_id=run_id)) == MISSING
    assert told(theirs.register("churn", own, model_id=info["model_id"])) == MISSING
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no MLmodel"),
        ({"MLmodel": b"flavors: {pytorch: {}}"}, "pytorch"),
        ({"MLmodel": MANIFEST.encode()}, "no such file"),
    ],
)
def test_a_folder_that_is_no_model_of_ours_is_refused(
    api: MlflowApi, files: dict[str, bytes], words: str
) -> None:
    answer = api.register("churn", api.log_folder({"other.txt": b"x", **files}))
    assert told(answer) == INVALID
    assert words in answer.json()["message"]


def test_an_empty_model_file_is_refused_and_nothing_is_left(api: MlflowApi, folders: Path) -> None:
    answer = api.register("churn", api.log_folder(model_files(more={"model.pkl": b""})))
    assert told(answer) == INVALID
    assert list((folders / "quarantine").glob("*")) == []
    assert not Registration.objects.exists()


# Models.


def test_a_registered_model_is_made_described_tagged_and_found(api: MlflowApi) -> None:
    made = api.post(
        "registered-models/create", name="iris", description="d",
        tags=[{"key": "team", "value": "x"}],
    )  # fmt: skip
    assert made.json()["registered_model"]["tags"] == [{"key": "team", "value": "x"}]
    assert Model.objects.get().metadata == {"team": "x"}
    assert EventRecord.objects.filter(type="model.created").count() == 1
    assert told(api.post("registered-models/create", name="IRIS")) == EXISTS
    api.patch("registered-models/update", name="iris", description="other")
    api.post("registered-models/set-tag", name="iris", key="owner", value="me")
    api.delete("registered-models/delete-tag", name="iris", key="team")
    found = api.get("registered-models/get", name="iris").json()["registered_model"]
    assert (found["description"], found["tags"]) == (
        "other",
        [{"key": "owner", "value": "me"}],
    )
    for text in (
        "name = 'iris'", "name ILIKE 'IR%'", "tags.owner = 'me'", "tag.`owner` != 'you'",
        "tags.nothing != 'x'", "name IN ('a', 'iris')", "",
    ):  # fmt: skip
        answer = api.get("registered-models/search", filter=text)
        assert [one["name"] for one in answer.json()["registered_models"]] == ["iris"], text
    none = api.get("registered-models/search", filter="tags.owner = 'you'")
    assert none.json()["registered_models"] == []


@pytest.mark.parametrize("name", ["", "a b", "a/b", "predict", "-x", "x" * 64, "ä", "a\nb"])
def test_a_name_that_is_none_is_refused(api: MlflowApi, name: str) -> None:
    assert told(api.post("registered-models/create", name=name)) == INVALID
    assert not Model.objects.exists()


def test_a_renamed_model_answers_under_its_new_name_alone(api: MlflowApi, churn: Model) -> None:
    make_model(churn.created_by or User(), "taken")
    assert told(api.post("registered-models/rename", name="churn", new_name="TAKEN")) == EXISTS
    assert told(api.post("registered-models/rename", name="churn", new_name="a b")) == INVALID
    answer = api.post("registered-models/rename", name="churn", new_name="left")
    assert answer.json()["registered_model"]["name"] == "left"
    assert told(api.get("registered-models/get", name="churn")) == MISSING
    assert api.client.get("/api/v1/models/left").status_code == 200
    event = EventRecord.objects.get(type="model.renamed")
    assert (event.payload["name"], event.payload["new_name"]) == ("churn", "left")


def test_a_deleted_model_is_archived_and_its_name_comes_back_empty(
    api: MlflowApi, churn: Model
) -> None:
    Alias.objects.create(model=churn, name="champion", version=churn.versions.get(number=1))
    assert api.delete("registered-models/delete", name="churn").json() == {}
    churn.refresh_from_db()
    assert churn.status == Status.ARCHIVED
    assert not churn.aliases.exists()
    assert told(api.get("registered-models/get", name="churn")) == MISSING
    assert api.get("registered-models/search").json()["registered_models"] == []
    again = api.post("registered-models/create", name="churn", description="new")
    assert again.json()["registered_model"]["latest_versions"] == []
    answer = api.client.post("/api/v1/models/churn/predict", {"inputs": [[1, 2]]}, format="json")
    assert answer.status_code == 409
    api.register("churn", api.log_folder())
    assert api.get("model-versions/get", name="churn", version="3").status_code == 200


# Versions.


def test_stages_move_and_make_room(api: MlflowApi, churn: Model) -> None:
    for number in ("1", "2"):
        moved = api.post(
            "model-versions/transition-stage", name="churn", version=number, stage="production",
            archive_existing_versions=True,
        ).json()["model_version"]  # fmt: skip
        assert moved["current_stage"] == "Production"
    stages = {
        one["version"]: one["current_stage"]
        for one in api.get("model-versions/search", filter="name='churn'").json()["model_versions"]
    }
    assert stages == {"1": "Archived", "2": "Production"}
    latest = api.post("registered-models/get-latest-versions", name="churn", stages=["Archived"])
    assert [one["version"] for one in latest.json()["model_versions"]] == ["1"]
    wrong = api.post("model-versions/transition-stage", name="churn", version="1", stage="Live")
    assert told(wrong) == INVALID


def test_a_versions_tags_and_description_change(api: MlflowApi, churn: Model) -> None:
    api.post("model-versions/set-tag", name="churn", version="1", key="a", value="b")
    api.post("model-versions/set-tag", name="churn", version="1", key="c", value="d")
    api.delete("model-versions/delete-tag", name="churn", version="1", key="a")
    api.patch("model-versions/update", name="churn", version="1", description="first")
    found = api.get("model-versions/get", name="churn", version="1").json()["model_version"]
    assert (found["tags"], found["description"]) == ([{"key": "c", "value": "d"}], "first")
    kinds = EventRecord.objects.filter(type="model_version.updated").order_by("id")
    assert [row.payload["changed"] for row in kinds] == [["tags"]] * 3 + [["description"]]
    searched = api.get("model-versions/search", filter="tags.c = 'd'").json()["model_versions"]
    assert [one["version"] for one in searched] == ["1"]


def test_aliases_are_the_ones_callers_use(api: MlflowApi, jail: str) -> None:
    api.register("churn", api.log_folder())
    asked = {"name": "churn", "alias": "champion"}
    assert told(api.post("registered-models/alias", **asked, version="1"))[0] == 409
    run(ModelVersion.objects.get())
    assert api.post("registered-models/alias", **asked, version="1").json() == {}
    found = api.get("registered-models/alias", **asked).json()["model_version"]
    assert (found["version"], found["aliases"]) == ("1", ["champion"])
    theirs = api.client.get("/api/v1/models/churn/aliases/champion").json()
    assert theirs["version"] == 1
    wrong = api.post("registered-models/alias", name="churn", alias="v1", version="1")
    assert told(wrong) == INVALID
    assert told(api.post("registered-models/alias", **asked, version="9")) == MISSING
    api.delete("registered-models/alias", **asked)
    assert told(api.get("registered-models/alias", **asked)) == MISSING


def test_a_deleted_version_is_archived_with_its_aliases(api: MlflowApi, churn: Model) -> None:
    Alias.objects.create(model=churn, name="champion", version=churn.versions.get(number=2))
    api.delete("model-versions/delete", name="churn", version="2")
    assert told(api.get("model-versions/get", name="churn", version="2")) == MISSING
    assert told(api.get("registered-models/alias", name="churn", alias="champion")) == MISSING
    assert churn.versions.get(number=2).status == Status.ARCHIVED
    latest = api.get("registered-models/get-latest-versions", name="churn").json()
    assert [one["version"] for one in latest["model_versions"]] == ["1"]


def test_a_version_without_a_folder_says_where_its_file_is(api: MlflowApi, churn: Model) -> None:
    answer = api.get("model-versions/get-download-uri", name="churn", version="1")
    assert told(answer) == INVALID
    assert "/api/v1/models/alice/churn/versions/1/download" in answer.json()["message"]


@pytest.mark.parametrize("number", ["", "0", "x", "1.5", "99999999999999999999", "-1", "\uff11"])
def test_a_number_of_no_version_leads_nowhere(api: MlflowApi, churn: Model, number: str) -> None:
    assert told(api.get("model-versions/get", name="churn", version=number)) == MISSING


# Who may.


def test_a_share_is_no_way_in(churn: Model, alice: User, bob: User, client_for: ClientFor) -> None:
    ModelShare.objects.create(model=churn, user=bob, permission="edit", shared_by=alice)
    theirs = MlflowApi(client_for(bob))
    assert told(theirs.get("registered-models/get", name="churn")) == MISSING
    named = MlflowApi(client_for(bob), "/mlflow/alice/api/2.0")
    assert told(named.get("registered-models/get", name="churn")) == MISSING


def test_a_viewer_changes_nothing(alice: User, bob: User, client_for: ClientFor) -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    Membership.objects.create(organization=acme, user=alice, role="owner")
    Membership.objects.create(organization=acme, user=bob, role="viewer")
    model = make_model(alice)
    model.organization = acme
    model.save()
    make_version(model)
    api = MlflowApi(client_for(bob), "/mlflow/acme/api/2.0")
    assert api.get("registered-models/get", name="churn").status_code == 200
    for answer in (
        api.post("registered-models/create", name="new"),
        api.post("registered-models/rename", name="churn", new_name="new"),
        api.delete("registered-models/delete", name="churn"),
        api.post("registered-models/set-tag", name="churn", key="k", value="v"),
        api.post("registered-models/alias", name="churn", alias="champion", version="1"),
        api.post("model-versions/create", name="churn", source="runs:/x/y"),
        api.post("model-versions/set-tag", name="churn", version="1", key="k", value="v"),
        api.delete("model-versions/delete", name="churn", version="1"),
    ):
        assert told(answer) == DENIED


@pytest.fixture
def limited(api: MlflowApi, alice: User, key_for: Callable[..., str]) -> tuple[MlflowApi, str, str]:
    """A key for churn alone, where churn was registered from, and a run that has nothing of it."""
    source, other = api.log_folder(), api.log_folder()
    api.register("churn", source)
    api.register("other", other)
    key = key_for(alice, scopes=["models:read", "models:write"], model_refs=["alice/churn"])
    limited = MlflowApi(APIClient(headers={"X-API-Key": key}))
    return limited, place_of_source(source), place_of_source(other)


def test_a_key_for_one_model_loads_that_one_alone(limited: tuple[MlflowApi, str, str]) -> None:
    api, own, other = limited
    found = api.get("registered-models/search").json()["registered_models"]
    assert [one["name"] for one in found] == ["churn"]
    assert b"".join(api.fetch(f"{own}/model.pkl")) == pickled()
    assert len(api.files(own).json()["files"]) == 4
    assert told(api.fetch(f"{other}/model.pkl")) == DENIED
    assert told(api.files(other)) == DENIED
    assert told(api.files(own.removesuffix("/model"))) == DENIED
    assert told(api.put(f"{own}/model.pkl", b"x")) == DENIED
    assert told(api.get("registered-models/get", name="other")) == MISSING
    assert told(api.post("registered-models/create", name="new")) == DENIED
    assert told(api.post("registered-models/rename", name="churn", new_name="new")) == DENIED
    assert told(api.post("runs/search")) == DENIED


def test_a_list_of_models_costs_the_same_however_many(
    api: MlflowApi, alice: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10):
        model = make_model(alice, f"model-{number}")
        make_version(model)
        make_version(model)
    with django_assert_max_num_queries(8):
        answer: Any = api.get("registered-models/search")
    assert len(answer.json()["registered_models"]) == 10
    with django_assert_max_num_queries(8):
        answer = api.get("model-versions/search")
    assert len(answer.json()["model_versions"]) == 20


def test_a_name_that_was_deleted_by_the_api_is_taken_again(api: MlflowApi, churn: Model) -> None:
    first = churn.versions.get(number=1)
    Alias.objects.create(model=churn, name="champion", version=first)
    assert api.client.delete("/api/v1/models/churn").status_code == 204
    assert told(api.post("registered-models/create", name="churn")) == (200, "")
    assert not Alias.objects.exists()
    assert not churn.versions.exclude(status=Status.ARCHIVED).exists()


@pytest.mark.parametrize("name", ["run_id", "model_id"])
@pytest.mark.parametrize("operator", ["LIKE", "ILIKE"])
def test_ids_are_not_like_anything(name: str, operator: str, api: MlflowApi, churn: Model) -> None:
    asked = api.get("model-versions/search", filter=f"{name} {operator} '%a%'")
    assert told(asked) == INVALID


def test_tags_may_be_called_by_numbers(api: MlflowApi, churn: Model) -> None:
    api.post("registered-models/set-tag", name="churn", key="2024", value="x")
    for key in ("2024", "99999999999"):
        asked = api.get("registered-models/search", filter=f"tags.`{key}` = 'x'")
        assert asked.status_code == 200
        names = [one["name"] for one in asked.json().get("registered_models", [])]
        assert names == (["churn"] if key == "2024" else [])


def test_a_run_keeps_the_files_that_were_registered_from_it(api: MlflowApi) -> None:
    source = api.log_folder()
    model = api.post("logged-models", experiment_id="0", name="other").json()["model"]
    made = api.register("churn", source, model_id=model["info"]["model_id"])
    assert made.status_code == 200
    kept = Registration.objects.get()
    assert (kept.logged_model, kept.run is None) == (None, False)
