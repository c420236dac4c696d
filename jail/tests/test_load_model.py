"""Honest models load from every way of saving them and answer exactly as before."""

from __future__ import annotations

import functools
import io
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jail.formats import sniff
from jail.refusal import Refused
from jail.tests import honest
from jail.triage import triage
from jail.unpickle import Loaded, load, load_model

ROOT = Path(__file__).resolve().parents[2]
NOT_IN_SKOPS = {"birch"}
"""skops itself refuses to save these."""


def joblibbed(model: object, compress: object = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=compress)
    return buffer.getvalue()


SAVED: dict[str, Callable[[Any], bytes]] = {
    **{f"pickle {p}": functools.partial(pickle.dumps, protocol=p) for p in range(6)},
    "joblib": joblibbed,
    "joblib zlib": lambda model: joblibbed(model, 3),
    "joblib gzip": lambda model: joblibbed(model, ("gzip", 3)),
    "joblib bz2": lambda model: joblibbed(model, ("bz2", 3)),
    "joblib xz": lambda model: joblibbed(model, ("xz", 1)),
    "joblib lzma": lambda model: joblibbed(model, ("lzma", 1)),
    "skops": skops.io.dumps,
}


def loaded(data: bytes) -> Loaded:
    """Sniffed, triaged and loaded as an upload is."""
    file = io.BytesIO(data)
    found = sniff(data[:4096], len(data))
    triage(file, found)
    return load(file, found, len(data))


def answers(model: Any, rows: Any) -> dict[str, Any]:
    """What a model says of rows, by every method it has."""
    found = {}
    for method in ("predict", "predict_proba", "decision_function", "transform", "score_samples"):
        if hasattr(model, method):
            answer = getattr(model, method)(rows)
            found[method] = answer.toarray() if sp.issparse(answer) else answer
    assert found
    return found


def assert_same(want: Any, got: Any) -> None:
    if isinstance(want, list):
        for one, other in zip(want, got, strict=True):
            assert_same(one, other)
        return
    np.testing.assert_array_equal(np.asarray(want), np.asarray(got))


def parallel_parts(value: Any) -> list[Any]:
    """Every n_jobs in a model."""
    found = []
    todo, seen = [value], set()
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, str | bytes | int | float | None):
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            todo += each.values()
        elif isinstance(each, list | tuple) or (
            isinstance(each, np.ndarray) and each.dtype == object
        ):
            todo += list(each)
        elif isinstance(each, BaseEstimator):
            found += [vars(each)["n_jobs"]] if "n_jobs" in vars(each) else []
            todo += vars(each).values()
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(honest.MADE))
def test_loads_from_every_format_and_answers_the_same(name: str) -> None:
    model, rows = honest.fitted(name)
    # The reference went through a pickle too: some arrays are laid out anew by that alone.
    want = answers(pickle.loads(pickle.dumps(model)), rows)
    for saved, save in SAVED.items():
        if saved == "skops" and name in NOT_IN_SKOPS:
            continue
        got = loaded(save(model))
        assert type(got.model) is type(model), saved
        assert got.notes == (), saved
        again = answers(got.model, rows)
        for method, answer in want.items():
            assert_same(answer, again[method])
        assert set(parallel_parts(got.model)) <= {1}, saved


def test_a_fresh_process_loads_each_of_them(tmp_path: Path) -> None:
    """A jailed child loads one file in its life: nothing may lean on what was loaded before."""
    for name in set(honest.MADE) - NOT_IN_SKOPS:
        (tmp_path / f"{name}.skops").write_bytes(SAVED["skops"](honest.fitted(name)[0]))
        (tmp_path / f"{name}.joblib").write_bytes(joblibbed(honest.fitted(name)[0]))
    command = [sys.executable, "-m", "jail.tests.load_apart", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=170)
    found = json.loads(done.stdout)
    assert len(found) > 150
    assert {name: steps for name, steps in found.items() if steps["load"][0] != "loaded"} == {}


def test_says_which_version_saved_it() -> None:
    import sklearn

    for save in SAVED.values():
        assert loaded(save(LogisticRegression())).saved_with == sklearn.__version__


def test_another_version_that_still_loads_is_noted() -> None:
    data = pickle.dumps(LinearRegression().fit(honest.X, honest.VALUES), 4)
    found = loaded(aged(data))
    assert found.saved_with == "1.3.7"
    assert "1.3.7" in found.notes[0]
    np.testing.assert_array_equal(
        found.model.predict(honest.X), pickle.loads(data).predict(honest.X)
    )


def aged(data: bytes) -> bytes:
    """The same pickle as of another scikit-learn; the text's length stays."""
    import sklearn

    mine = sklearn.__version__.encode()
    assert len(mine) == 5
    return data.replace(mine, b"1.3.7")


def test_another_version_that_does_not_load_names_both() -> None:
    import sklearn

    model = RandomForestClassifier(2).fit(honest.X, honest.TWO)
    data = aged(pickle.dumps(model, 2)).replace(b"RandomForestC", b"RandomForestK")
    with pytest.raises(Refused) as refused:
        loaded(data)
    assert refused.value.code == "version_mismatch"
    assert "1.3.7" in refused.value.reason
    assert sklearn.__version__ in refused.value.reason
    assert "RandomForestKlassifier" in refused.value.reason


def own(values: Any) -> Any:
    """A function of the user's, not in any library."""
    return values


@pytest.mark.parametrize("function", [own, np.load, np.mean])
def test_functions_of_ones_own_are_refused_by_name(function: Callable[..., Any]) -> None:
    model = make_pipeline(FunctionTransformer(function), LinearRegression())
    with pytest.raises(Refused, match=re.escape(function.__name__) + "|FunctionTransformer.func"):
        loaded(pickle.dumps(model))


def test_lz4_is_refused_with_what_to_do() -> None:
    with pytest.raises(Refused, match="zlib"):
        loaded(b"\x04\x22\x4d\x18" + bytes(64))


def test_large_arrays_are_not_held_twice() -> None:
    """Peak memory of loading stays near one copy, as the limits on the jail assume."""
    import tracemalloc

    model = LinearRegression()
    model.coef_ = np.zeros(8_000_000)
    model.n_features_in_ = 8_000_000
    data = joblibbed(model)
    file = io.BytesIO(data)
    loaded(joblibbed(LinearRegression()))  # what is built once per process is not counted
    tracemalloc.start()
    try:
        found: Any = load_model(file, "joblib", len(data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.coef_.shape == (8_000_000,)
    assert peak < 1.6 * len(data)


def small_models() -> dict[str, bytes]:
    """Files to damage: each way of saving, small enough to be damaged often."""
    forest = RandomForestClassifier(2, max_depth=2, random_state=0).fit(honest.X, honest.TWO)
    line = make_pipeline(StandardScaler(), LogisticRegression()).fit(honest.X, honest.NAMED)
    boosted = HistGradientBoostingClassifier(max_iter=2).fit(honest.X, honest.TWO)
    named = {"forest": forest, "line": line, "boosted": boosted}
    ways = ("pickle 2", "pickle 4", "pickle 5", "joblib", "joblib zlib", "joblib xz", "skops")
    return {f"{name} {way}": SAVED[way](model) for name, model in named.items() for way in ways}


SMALL = small_models()
DAMAGE = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def refusal_of(data: bytes) -> Refused | None:
    """None when the bytes load as a model that passed; any exception but Refused is a defect."""
    try:
        found = sniff(data[:4096], len(data))
        if found != "onnx":
            load(io.BytesIO(data), found, len(data))
    except Refused as refused:
        return refused
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(SMALL))
@DAMAGE
@given(fraction=st.floats(0, 1, exclude_max=True))
def test_cut_off_files_are_refused(name: str, fraction: float) -> None:
    data = SMALL[name]
    with pytest.raises(Refused):
        loaded(data[: int(fraction * len(data))])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(SMALL))
@DAMAGE
@given(data=st.data())
def test_changed_bytes_are_refused_or_load(name: str, data: st.DataObject) -> None:
    changed = bytearray(SMALL[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place] = data.draw(st.integers(0, 255))
    refused = refusal_of(bytes(changed))
    assert refused is None or (refused.reason and refused.code)


@pytest.mark.filterwarnings("ignore")
@DAMAGE
@given(body=st.binary(max_size=200), start=st.sampled_from([b"", b"\x80\x04", b"\x80\x02", b"PK"]))
def test_arbitrary_bytes_are_refused(body: bytes, start: bytes) -> None:
    whole = start + body
    assert refusal_of(whole) is not None or sniff(whole, len(whole)) == "onnx"
