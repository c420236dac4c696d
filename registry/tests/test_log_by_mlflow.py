"""It keeps what MLflow's clients log, for their own organization and in MLflow's words."""

from __future__ import annotations

import base64
import io
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import Membership, Organization, User
from common import clock
from common.models import EventRecord
from registry.models import LoggedFile, MlflowRun
from registry.tests.mlflow_api import MlflowApi, place_of, told

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], APIClient]
INVALID = (400, "INVALID_PARAMETER_VALUE")
MISSING = (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.fixture
def api(alice: User, client_for: ClientFor) -> MlflowApi:
    return MlflowApi(client_for(alice))


def test_an_experiment_is_made_found_renamed_tagged_and_deleted(api: MlflowApi) -> None:
    assert told(api.get("experiments/get-by-name", experiment_name="iris")) == MISSING
    made = api.post("experiments/create", name="iris", tags=[{"key": "a", "value": "b"}])
    number = made.json()["experiment_id"]
    assert number == "1"
    found = api.get("experiments/get", experiment_id=number).json()["experiment"]
    assert (found["name"], found["artifact_location"], found["lifecycle_stage"]) == (
        "iris",
        "mlflow-artifacts:/1",
        "active",
    )
    again = api.post("experiments/create", name="iris")
    assert told(again) == (400, "RESOURCE_ALREADY_EXISTS")
    api.post("experiments/update", experiment_id=number, new_name="iris 2")
    api.post("experiments/set-experiment-tag", experiment_id=number, key="c", value="d")
    api.post("experiments/delete-experiment-tag", experiment_id=number, key="a")
    found = api.get("experiments/get-by-name", experiment_name="iris 2").json()["experiment"]
    assert found["tags"] == [{"key": "c", "value": "d"}]
    api.post("experiments/delete", experiment_id=number)
    assert told(api.post("runs/create", experiment_id=number)) == (409, "INVALID_STATE")
    assert api.post("experiments/search").json()["experiments"] == []
    gone = api.post("experiments/search", view_type="DELETED_ONLY").json()["experiments"]
    assert [one["name"] for one in gone] == ["iris 2"]
    api.post("experiments/restore", experiment_id=number)
    assert api.post("runs/create", experiment_id=number).status_code == 200


def test_default_is_there_before_anybody_made_it(api: MlflowApi) -> None:
    found = api.get("experiments/get", experiment_id="0").json()["experiment"]
    assert (found["name"], found["experiment_id"]) == ("Default", "0")
    run = api.start_run()
    assert run["experiment_id"] == "0"
    assert told(api.post("experiments/delete", experiment_id="0")) == INVALID
    assert told(api.post("experiments/create", name="Default")) == (400, "RESOURCE_ALREADY_EXISTS")


def test_a_run_keeps_parameters_tags_and_every_point(api: MlflowApi) -> None:
    run_id = api.start_run(run_name="first", start_time=5)["run_id"]
    for step, value in enumerate([3.0, 2.0, 1.0]):
        api.post("runs/log-metric", run_id=run_id, key="loss", value=value, step=step, timestamp=9)
    batch = api.post(
        "runs/log-batch",
        run_id=run_id,
        metrics=[{"key": "nan", "value": "NaN", "timestamp": "1", "step": "0"}],
        params=[{"key": "C", "value": "1.0"}],
        tags=[{"key": "team", "value": "x"}],
    )
    assert batch.status_code == 200
    api.post("runs/set-tag", run_id=run_id, key="note", value="")
    api.post("runs/update", run_id=run_id, status="FINISHED", end_time=7)
    found = api.get("runs/get", run_id=run_id).json()["run"]
    assert (found["info"]["status"], found["info"]["start_time"], found["info"]["end_time"]) == (
        "FINISHED", 5, 7,
    )  # fmt: skip
    last = {one["key"]: one["value"] for one in found["data"]["metrics"]}
    assert last == {"loss": 1.0, "nan": "NaN"}
    assert found["data"]["params"] == [{"key": "C", "value": "1.0"}]
    tags = {one["key"]: one["value"] for one in found["data"]["tags"]}
    assert tags == {"team": "x", "note": "", "mlflow.runName": "first"}
    history = api.get("metrics/get-history", run_id=run_id, metric_key="loss").json()["metrics"]
    assert [(one["value"], one["step"]) for one in history] == [(3.0, 0), (2.0, 1), (1.0, 2)]


def test_a_point_sent_twice_is_one_point(api: MlflowApi) -> None:
    run_id = api.start_run()["run_id"]
    for _ in range(2):
        api.post("runs/log-metric", run_id=run_id, key="loss", value=1, step=0, timestamp=9)
    history = api.get("metrics/get-history", run_id=run_id, metric_key="loss").json()["metrics"]
    assert len(history) == 1


def test_a_long_history_comes_in_pages(api: MlflowApi) -> None:
    run_id = api.start_run()["run_id"]
    points = [{"key": "m", "value": n, "step": n, "timestamp": n} for n in range(5)]
    api.post("runs/log-batch", run_id=run_id, metrics=points)
    asked: dict[str, Any] = {"run_id": run_id, "metric_key": "m", "max_results": 2}
    values, token = [], ""
    while True:
        page = api.get("metrics/get-history", **asked, page_token=token).json()
        values += [one["value"] for one in page["metrics"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert values == [0, 1, 2, 3, 4]


def test_a_parameter_is_written_once(api: MlflowApi) -> None:
    run_id = api.start_run()["run_id"]
    for value, status in (("1", 200), ("1", 200), ("2", 400)):
        answer = api.post("runs/log-parameter", run_id=run_id, key="C", value=value)
        assert answer.status_code == status
    both = [{"key": "new", "value": "x"}, {"key": "C", "value": "2"}]
    assert told(api.post("runs/log-batch", run_id=run_id, params=both)) == INVALID
    assert MlflowRun.objects.get().params == {"C": "1"}


def test_a_deleted_run_takes_nothing_until_it_is_restored(api: MlflowApi) -> None:
    run = api.start_run()
    api.post("runs/delete", run_id=run["run_id"])
    assert told(api.post("runs/set-tag", run_id=run["run_id"], key="k")) == (409, "INVALID_STATE")
    assert told(api.put(f"{place_of(run)}/a", b"x")) == (409, "INVALID_STATE")
    assert api.post("runs/search", experiment_ids=["0"]).json()["runs"] == []
    api.post("runs/restore", run_id=run["run_id"])
    assert api.post("runs/set-tag", run_id=run["run_id"], key="k").status_code == 200


def test_runs_are_found_by_status_parameters_and_tags(api: MlflowApi) -> None:
    for number in range(3):
        run_id = api.start_run(run_name=f"run {number}", start_time=number)["run_id"]
        api.post("runs/log-parameter", run_id=run_id, key="my C", value=str(number))
        api.post("runs/set-tag", run_id=run_id, key="odd", value=str(number % 2))

    def names(**asked: Any) -> list[str]:
        answer = api.post("runs/search", experiment_ids=["0"], **asked)
        assert answer.status_code == 200, answer.content
        return [run["info"]["run_name"] for run in answer.json()["runs"]]

    assert names() == ["run 2", "run 1", "run 0"]
    assert names(order_by=["attributes.start_time ASC"]) == ["run 0", "run 1", "run 2"]
    assert names(filter="params.`my C` = '1'") == ["run 1"]
    assert names(filter="tags.odd != '1' and attributes.status = 'RUNNING'") == ["run 2", "run 0"]
    assert names(filter="run_name LIKE 'run%' AND start_time > 1") == ["run 2"]
    [_, middle, _] = api.post("runs/search", experiment_ids=["0"]).json()["runs"]
    assert names(filter=f"attributes.run_id = '{middle['info']['run_id']}'") == ["run 1"]


def test_runs_are_found_and_ordered_by_the_last_of_a_metric(api: MlflowApi) -> None:
    """One that got better, one that stayed bad, one without a number, one without the metric."""
    runs: list[list[Any]] = [[0.9, 0.1], [0.5, 0.4], ["NaN"], []]
    for number, losses in enumerate(runs):
        run_id = api.start_run(run_name=f"run {number}", start_time=number)["run_id"]
        for step, loss in enumerate(losses):
            api.post("runs/log-metric", run_id=run_id, key="my loss", value=loss, step=step)

    def names(**asked: Any) -> list[str]:
        answer = api.post("runs/search", experiment_ids=["0"], **asked)
        assert answer.status_code == 200, answer.content
        return [run["info"]["run_name"] for run in answer.json()["runs"]]

    assert names(filter="metrics.`my loss` < 0.2") == ["run 0"]
    assert names(filter="metrics.`my loss` >= 0.1") == ["run 1", "run 0"]
    assert names(filter="metric.`my loss` != 0.1") == ["run 3", "run 2", "run 1"]
    by_loss = names(order_by=["metrics.`my loss` ASC"])
    assert by_loss[:2] == ["run 0", "run 1"]
    assert by_loss[-1] == "run 3"
    assert names(order_by=["metrics.`my loss` DESC"])[-1] == "run 3"
    assert names(order_by=["params.none", "attributes.start_time ASC"])[0] == "run 0"


@pytest.mark.parametrize(
    "text", ["", "start_time UP", "start_time ASC DESC", "nothing", "metrics.", "`", "= ASC"]
)
def test_an_order_that_can_not_be_read_is_refused(api: MlflowApi, text: str) -> None:
    api.start_run()
    answer = api.post("runs/search", experiment_ids=["0"], order_by=[text])
    assert told(answer) == INVALID


@pytest.mark.parametrize(
    "text",
    [
        "metrics.loss > 'much'", "metrics.loss LIKE '1'", "name", "name = ",
        "name = 'a' OR name = 'b'", "'", "a.b.c = 'x'",
        "start_time > 'soon'", "start_time > 99999999999999999999999", "nothing = 'x'", "`",
        "x" * 6000, "status = 'a'" + " AND status = 'a'" * 40, "start_time LIKE 5", "tags. = 'x'",
        "run_name IN (", "run_name IN 'a'",
    ],
)  # fmt: skip
def test_a_filter_that_can_not_be_read_is_refused(api: MlflowApi, text: str) -> None:
    api.start_run()
    assert told(api.post("runs/search", experiment_ids=["0"], filter=text)) == INVALID


def test_two_that_log_to_one_run_lose_nothing_of_each_other(
    transactional_db: None, make_user: Callable[..., User], client_for: ClientFor
) -> None:
    owner = make_user("dora@example.org")
    run_id = MlflowApi(client_for(owner)).start_run()["run_id"]
    barrier = threading.Barrier(4)

    def log(number: int) -> None:
        api = MlflowApi(client_for(owner))
        barrier.wait()
        for n in range(5):
            api.post("runs/log-parameter", run_id=run_id, key=f"{number} {n}", value="x")
        connection.close()

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(MlflowRun.objects.get().params) == 20


def test_a_logged_model_comes_into_being_and_is_finished(api: MlflowApi) -> None:
    run_id = api.start_run()["run_id"]
    made = api.post(
        "logged-models", experiment_id="0", name="model", source_run_id=run_id,
        params=[{"key": "C", "value": "1"}], tags=[{"key": "t", "value": "v"}],
    ).json()["model"]["info"]  # fmt: skip
    model_id = made["model_id"]
    assert made["status"] == "LOGGED_MODEL_PENDING"
    assert made["artifact_uri"] == f"mlflow-artifacts:/0/models/{model_id}/artifacts"
    assert made["source_run_id"] == run_id
    assert api.put(f"0/models/{model_id}/artifacts/MLmodel", b"x").status_code == 200
    api.post("runs/log-metric", run_id=run_id, key="f1", value=0.5, model_id=model_id)
    api.post("runs/outputs", run_id=run_id, models=[{"model_id": model_id, "step": "0"}])
    api.patch(f"logged-models/{model_id}/tags", tags=[{"key": "u", "value": "w"}])
    api.delete(f"logged-models/{model_id}/tags/t")
    api.post(f"logged-models/{model_id}/params", params=[{"key": "D", "value": "2"}])
    api.patch(f"logged-models/{model_id}", status="LOGGED_MODEL_READY")
    found = api.get(f"logged-models/{model_id}").json()["model"]
    assert found["info"]["status"] == "LOGGED_MODEL_READY"
    assert found["info"]["tags"] == [{"key": "u", "value": "w"}]
    assert [one["key"] for one in found["data"]["params"]] == ["C", "D"]
    assert [(one["key"], one["value"]) for one in found["data"]["metrics"]] == [("f1", 0.5)]
    searched = api.post("logged-models/search", experiment_ids=["0"], filter="name = 'model'")
    assert [one["info"]["model_id"] for one in searched.json()["models"]] == [model_id]
    outputs = api.get("runs/get", run_id=run_id).json()["run"]["outputs"]
    assert outputs == {"model_outputs": [{"model_id": model_id, "step": 0}]}
    api.delete(f"logged-models/{model_id}")
    assert told(api.get(f"logged-models/{model_id}")) == MISSING


# Files.


def test_files_are_kept_listed_fetched_replaced_and_deleted(api: MlflowApi, folders: Path) -> None:
    place = place_of(api.start_run())
    for path, content in (("a.txt", b"one"), ("deep/b.txt", b"two"), ("deep/er/c.txt", b"")):
        assert api.put(f"{place}/{path}", content).json() == {}
    assert api.files(place).json()["files"] == [
        {"path": "deep", "is_dir": True},
        {"path": "a.txt", "is_dir": False, "file_size": 3},
    ]
    below = [one["path"] for one in api.files(f"{place}/deep").json()["files"]]
    assert below == ["er", "b.txt"]
    assert api.files(f"{place}/a.txt").json()["files"] == []
    assert b"".join(api.fetch(f"{place}/deep/b.txt")) == b"two"
    api.put(f"{place}/a.txt", b"another")
    assert b"".join(api.fetch(f"{place}/a.txt")) == b"another"
    files = MlflowApi(api.client)
    gone = files.client.delete(f"{api.root}/mlflow-artifacts/artifacts/{place}/deep")
    assert gone.status_code == 200
    assert told(api.fetch(f"{place}/deep/b.txt")) == MISSING
    assert list((folders / "quarantine").glob("*")) == []


@pytest.mark.django_db(transaction=True)
def test_what_no_path_leads_to_leaves_the_disk(api: MlflowApi, folders: Path) -> None:
    place = place_of(api.start_run())
    for path in ("a", "b"):
        api.put(f"{place}/{path}", b"shared")
    api.put(f"{place}/a", b"other")
    kept = {
        file.read_bytes() for file in (folders / "files" / "mlflow").rglob("*") if file.is_file()
    }
    assert kept == {b"shared", b"other"}
    api.put(f"{place}/b", b"other")
    kept = {
        file.read_bytes() for file in (folders / "files" / "mlflow").rglob("*") if file.is_file()
    }
    assert kept == {b"other"}


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd", "a/../../b", "%252e%252e/x", "a%2500b", "a//b", "./a", "a%23b", "a%5Cb",
        "x" * 1100, "/".join("abcdefghijklmnopqrstuvwxyzabcdefgh"), "a%00b",
    ],
)  # fmt: skip
def test_a_path_with_a_trick_in_it_is_refused(api: MlflowApi, path: str) -> None:
    place = place_of(api.start_run())
    for answer in (api.put(f"{place}/{path}", b"x"), api.fetch(f"{place}/{path}")):
        assert told(answer) == INVALID, answer.content
    assert not LoggedFile.objects.exists()


@pytest.mark.parametrize("path", ["x", "etc/passwd", "0/nothing/artifacts/a", "0/models/m-1/a"])
def test_a_path_outside_of_runs_and_models_is_refused(api: MlflowApi, path: str) -> None:
    assert told(api.put(path, b"x")) == INVALID
    assert told(api.fetch(path)) == INVALID
    assert told(api.files(path)) == INVALID


def test_a_path_of_another_experiments_number_leads_nowhere(api: MlflowApi) -> None:
    run = api.start_run()
    assert told(api.put(f"7/{run['run_id']}/artifacts/a", b"x")) == MISSING


def test_a_name_is_a_files_or_a_folders(api: MlflowApi) -> None:
    place = place_of(api.start_run())
    api.put(f"{place}/a/b", b"x")
    assert told(api.put(f"{place}/a", b"x")) == INVALID
    assert told(api.put(f"{place}/a/b/c", b"x")) == INVALID
    assert told(api.put(place, b"x")) == INVALID


def test_a_file_over_the_cap_is_refused_and_gone(
    api: MlflowApi, settings: Settings, folders: Path
) -> None:
    place = place_of(api.start_run())
    settings.MODEL_MAX_BYTES = 1000
    assert api.put(f"{place}/a", b"x" * 1000).status_code == 200
    answer = api.put(f"{place}/b", b"x" * 1001)
    assert answer.status_code == 413
    assert set(answer.json()) == {"error_code", "message"}
    assert list((folders / "quarantine").glob("*")) == []


@pytest.mark.parametrize(("content", "status"), [(b"", 200), (b"x", 411)])
def test_of_bodies_in_chunks_an_empty_one_is_taken(
    api: MlflowApi, content: bytes, status: int
) -> None:
    """`requests` sends an empty file so; any other might have ended early."""
    where = f"{api.root}/mlflow-artifacts/artifacts/{place_of(api.start_run())}/a"
    chunked: Any = {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_LENGTH": "",
        "wsgi.input": io.BytesIO(content),
    }
    answer = api.client.put(where, content, content_type="text/plain", **chunked)
    assert answer.status_code == status, answer.content
    assert [row.size for row in LoggedFile.objects.all()] == ([0] if status == 200 else [])


def test_more_files_than_a_run_may_have_are_refused(
    api: MlflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.services.logged.MOST_FILES", 1)
    place = place_of(api.start_run())
    assert api.put(f"{place}/a", b"x").status_code == 200
    assert told(api.put(f"{place}/b", b"x")) == INVALID
    assert api.put(f"{place}/a", b"y").status_code == 200


# Who, and what is no call at all.


def test_others_see_nothing_of_it(api: MlflowApi, charlie: User, client_for: ClientFor) -> None:
    run = api.start_run()
    api.put(f"{place_of(run)}/a", b"x")
    theirs = MlflowApi(client_for(charlie))
    assert told(theirs.get("runs/get", run_id=run["run_id"])) == MISSING
    assert told(theirs.fetch(f"{place_of(run)}/a")) == MISSING
    assert told(theirs.put(f"{place_of(run)}/b", b"x")) == MISSING
    named = MlflowApi(client_for(charlie), "/mlflow/alice/api/2.0")
    assert told(named.get("runs/get", run_id=run["run_id"])) == MISSING
    assert told(named.post("experiments/create", name="x")) == MISSING


def test_two_organizations_of_one_person_are_two_places(
    api: MlflowApi, alice: User, client_for: ClientFor
) -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    Membership.objects.create(organization=acme, user=alice, role="member")
    there = MlflowApi(client_for(alice), "/mlflow/acme/api/2.0")
    run = there.start_run()
    assert there.get("runs/get", run_id=run["run_id"]).status_code == 200
    assert told(api.get("runs/get", run_id=run["run_id"])) == MISSING


def test_a_viewer_reads_and_logs_nothing(alice: User, bob: User, client_for: ClientFor) -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    Membership.objects.create(organization=acme, user=alice, role="owner")
    Membership.objects.create(organization=acme, user=bob, role="viewer")
    run = MlflowApi(client_for(alice), "/mlflow/acme/api/2.0").start_run()
    viewer = MlflowApi(client_for(bob), "/mlflow/acme/api/2.0")
    denied = (403, "PERMISSION_DENIED")
    assert viewer.get("runs/get", run_id=run["run_id"]).status_code == 200
    assert told(viewer.post("runs/create", experiment_id="0")) == denied
    assert told(viewer.put(f"{place_of(run)}/a", b"x")) == denied
    assert told(viewer.fetch(f"{place_of(run)}/a")) == denied


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_a_key_is_a_token_or_a_password(
    alice: User, key_for: Callable[..., str], scheme: str
) -> None:
    key = key_for(alice, scopes=["models:read", "models:write"])
    sent = key if scheme == "Bearer" else base64.b64encode(f"me:{key}".encode()).decode()
    api = MlflowApi(APIClient(headers={"Authorization": f"{scheme} {sent}"}))
    assert api.start_run()["status"] == "RUNNING"


def test_errors_come_in_mlflows_shape_with_the_challenge(anonymous: APIClient) -> None:
    answer = MlflowApi(anonymous).get("registered-models/search")
    assert told(answer) == (401, "UNAUTHENTICATED")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_an_address_there_is_not_is_told_as_one(api: MlflowApi) -> None:
    for path in ("traces/search", "nothing", "logged-models/m-1/nothing"):
        assert told(api.get(path)) == (404, "ENDPOINT_NOT_FOUND")
    assert told(api.post("runs/get", run_id="x"))[0] == 405


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b'"text"', b"\xff", b'{"name": "a\\u0000b"}', b'{"name": 1}', b'{"name": {}}',
        b'{"name": "' + b"x" * 501 + b'"}', b"[" * 100_000, b'{"name": NaN}', b'{"a": 1, "a": 2}',
        b'{"name": "x", "tags": {"k": "v"}}', b'{"name": "x", "tags": [1]}', b"{}",
        b'{"name": "x", "tags": [{"value": "no key"}]}', b'{"name": "\\ud800"}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_call_is_refused(api: MlflowApi, body: bytes) -> None:
    answer = api.client.post(
        f"{api.root}/mlflow/experiments/create", body, content_type="application/json"
    )
    assert told(answer) == INVALID, answer.content


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", "many"), ("value", True), ("value", None), ("value", 10**400), ("step", 2**63),
        ("step", "soon"), ("step", 1.5), ("timestamp", []), ("key", ""), ("key", "k" * 251),
    ],
)  # fmt: skip
def test_a_point_that_is_none_is_refused(api: MlflowApi, field: str, value: Any) -> None:
    run_id = api.start_run()["run_id"]
    point = {"key": "k", "value": 1, "step": 0, "timestamp": 0} | {field: value}
    answer = api.post("runs/log-metric", run_id=run_id, **point)
    assert told(answer) == INVALID, answer.content


@pytest.mark.parametrize(
    "query", ["experiment_id=%00", "experiment_id=%ED%A0%80", "experiment_id="]
)
def test_a_query_that_is_none_is_refused(api: MlflowApi, query: str) -> None:
    answer = api.client.get(f"{api.root}/mlflow/experiments/get?{query}")
    assert answer.status_code in {400, 404}, answer.content
    assert "error_code" in answer.json()


def test_infinities_are_kept_and_told_as_words(api: MlflowApi) -> None:
    run_id = api.start_run()["run_id"]
    api.post("runs/log-metric", run_id=run_id, key="up", value="Infinity")
    api.post("runs/log-metric", run_id=run_id, key="down", value="-Infinity")
    metrics = api.get("runs/get", run_id=run_id).json()["run"]["data"]["metrics"]
    assert {one["key"]: one["value"] for one in metrics} == {
        "up": "Infinity",
        "down": "-Infinity",
    }
    assert {row.value for row in MlflowRun.objects.get().metrics.all()} == {math.inf, -math.inf}


def test_what_is_done_to_runs_is_in_the_trail_and_numbers_are_not(api: MlflowApi) -> None:
    before = clock.now()
    run_id = api.start_run()["run_id"]
    api.post("runs/log-metric", run_id=run_id, key="loss", value=1)
    api.post("runs/log-parameter", run_id=run_id, key="C", value="1")
    api.post("runs/update", run_id=run_id, status="FINISHED")
    kinds = EventRecord.objects.filter(created_at__gte=before).order_by("id")
    assert list(kinds.values_list("type", flat=True)) == [
        "mlflow_experiment.created",
        "mlflow_run.started",
        "mlflow_run.updated",
    ]


def test_a_list_of_runs_costs_the_same_however_many(
    api: MlflowApi, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        run_id = api.start_run()["run_id"]
        api.post("runs/log-metric", run_id=run_id, key="loss", value=1)
    with django_assert_max_num_queries(8):
        assert len(api.post("runs/search", experiment_ids=["0"]).json()["runs"]) == 10


def test_a_run_is_named_in_its_tags_as_well(api: MlflowApi) -> None:
    run_id = api.start_run(run_name="first")["run_id"]
    api.post("runs/update", run_id=run_id, run_name="second")
    data = api.get("runs/get", run_id=run_id).json()["run"]
    tags = {tag["key"]: tag["value"] for tag in data["data"]["tags"]}
    assert (data["info"]["run_name"], tags["mlflow.runName"]) == ("second", "second")


def test_a_name_that_is_too_long_is_refused_wherever_it_stands(api: MlflowApi) -> None:
    tags = [{"key": "mlflow.runName", "value": "x" * 501}]
    assert told(api.post("runs/create", experiment_id="0", tags=tags))[0] == 400


def test_what_a_run_holds_is_bounded_in_characters(api: MlflowApi) -> None:
    run_id = api.start_run()["run_id"]
    for number in range(7):
        params = [{"key": f"{number} {n}", "value": "x" * 7000} for n in range(10)]
        assert api.post("runs/log-batch", run_id=run_id, params=params).status_code == 200
    params = [{"key": f"more {n}", "value": "x" * 8000} for n in range(10)]
    assert told(api.post("runs/log-batch", run_id=run_id, params=params))[0] == 400


def test_a_run_has_so_many_metrics(api: MlflowApi) -> None:
    run_id = api.start_run()["run_id"]
    for start in (0, 1000):
        points = [{"key": f"m{start + n}", "value": 1.0} for n in range(1000)]
        assert api.post("runs/log-batch", run_id=run_id, metrics=points).status_code == 200
    points = [{"key": "m0", "value": 2.0}]
    assert api.post("runs/log-batch", run_id=run_id, metrics=points).status_code == 200
    points = [{"key": "one more", "value": 2.0}]
    assert told(api.post("runs/log-batch", run_id=run_id, metrics=points))[0] == 400
