"""It lists what a file names without loading it, across arrays, frames and nested pickles."""

from __future__ import annotations

import io
import os
import pickle
import subprocess

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from jail.formats import sniff
from jail.refusal import Refused
from jail.tests.corpus import LOGISTIC, Calls, mapping, program, text
from jail.triage import TriageReport, triage

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


def reported(data: bytes) -> TriageReport:
    return triage(io.BytesIO(data), sniff(data[:4096], len(data)))


def joblibbed(model: object, compress: object = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=compress)
    return buffer.getvalue()


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_names_are_listed_for_every_protocol(protocol: int) -> None:
    import sklearn

    found = reported(pickle.dumps(LogisticRegression().fit(X, Y), protocol))
    assert "sklearn.linear_model._logistic.LogisticRegression" in found.globals
    assert any(name.endswith(("._reconstruct", "._frombuffer")) for name in found.globals)
    assert found.sklearn_version == sklearn.__version__
    assert found.protocol == protocol


@pytest.mark.parametrize("compress", [0, 3, ("xz", 1)])
def test_arrays_of_joblib_are_passed_over(compress: object) -> None:
    found = reported(joblibbed(GradientBoostingClassifier(n_estimators=3).fit(X, Y), compress))
    assert found.arrays > 3
    assert found.nested == 1  # the table of trees is an array of objects
    assert "sklearn.tree._tree.Tree" in found.globals
    assert found.compression == ("xz" if compress == ("xz", 1) else "zlib" if compress else None)


def test_names_behind_an_array_are_seen() -> None:
    model = LogisticRegression().fit(X, Y)
    model.after = Calls(subprocess.check_output, "true")
    with pytest.raises(Refused, match=r"subprocess\.check_output") as refused:
        reported(joblibbed(model))
    assert refused.value.code == "unsafe_global"


def test_names_in_nested_pickles_are_seen() -> None:
    encoder = OneHotEncoder().fit(np.array([["a"], ["b"]], dtype=object))
    encoder.categories_ = [np.array([Calls(os.system, "true")], dtype=object)]
    with pytest.raises(Refused, match=r"posix\.system"):
        reported(joblibbed(encoder))


def test_all_offenders_are_named() -> None:
    model = [Calls(os.system, "true"), Calls(subprocess.run, "true"), Calls(eval, "1")]
    with pytest.raises(Refused) as refused:
        reported(pickle.dumps(model))
    for name in ("posix.system", "subprocess.run", "builtins.eval"):
        assert name in refused.value.reason


def test_names_through_the_memo_are_followed() -> None:
    data = program(
        text("numpy"), b"\x94", text("posix"), b"q\x00", b"h\x00", text("system"), b"\x93"
    )
    with pytest.raises(Refused, match=r"posix\.system"):
        reported(data)


def test_what_comes_after_an_offender_is_still_walked() -> None:
    data = program(
        text("os"), text("system"), b"\x93", text("true"), b"\x85R", b"0", LOGISTIC, b"\x82\x01"
    )
    with pytest.raises(Refused, match=r"os\.system"):
        reported(data)


def test_instructions_nobody_needs_are_named() -> None:
    with pytest.raises(Refused, match="EXT1") as refused:
        reported(program(LOGISTIC, b"\x82\x01"))
    assert refused.value.code == "unsafe_opcode"


def test_bytes_after_the_end_and_missing_ends() -> None:
    data = pickle.dumps(LogisticRegression())
    with pytest.raises(Refused) as refused:
        reported(data + b"x")
    assert refused.value.code == "trailing_bytes"
    with pytest.raises(Refused) as refused:
        reported(data[:-4])
    assert refused.value.code in {"truncated", "damaged"}


def test_a_class_of_ones_own_is_explained() -> None:
    with pytest.raises(Refused, match="code of your own") as refused:
        reported(program(text("__main__"), text("MyModel"), b"\x93)\x81"))
    assert refused.value.code == "custom_code"


def test_skops_nodes_are_listed() -> None:
    found = reported(skops.io.dumps(LogisticRegression().fit(X, Y)))
    assert "sklearn.linear_model._logistic.LogisticRegression" in found.globals
    assert found.sklearn_version


def test_nothing_is_made_or_called() -> None:
    """The walk keeps stubs: a state that would blow up a real object passes through it."""
    data = program(LOGISTIC, b")\x81", mapping(n_jobs=b"]", fit=b"N"), b"b")
    found = reported(data)
    assert found.globals == ["sklearn.linear_model._logistic.LogisticRegression"]


def test_the_file_is_left_at_its_start() -> None:
    data = pickle.dumps(LogisticRegression())
    file = io.BytesIO(data)
    triage(file, "pickle")
    assert file.tell() == 0
