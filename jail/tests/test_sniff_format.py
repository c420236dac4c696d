"""It tells a file's format from its content, and refuses the rest with what it looks like."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib

import joblib
import numpy as np
import onnx
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from jail.formats import check_declared, sniff
from jail.refusal import Refused

MODEL = LogisticRegression().fit(np.eye(4), [0, 1, 0, 1])


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def onnx_bytes(size: int) -> bytes:
    rows = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, size])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, size])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [size], np.ones(size))
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", [rows], [out], [weights]
    )
    return bytes(helper.make_model(graph).SerializeToString())


def joblibbed(compress: object = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(MODEL, buffer, compress=compress)
    return buffer.getvalue()


def told(data: bytes) -> str:
    return sniff(data[:4096], len(data))


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol(protocol: int) -> None:
    assert told(pickle.dumps(MODEL, protocol)) == "pickle"
    assert told(pickle.dumps({"model": MODEL}, protocol)) == "pickle"


@pytest.mark.parametrize("how", ["zlib", "gzip", "bz2", "xz", "lzma"])
@pytest.mark.parametrize("level", [1, 3, 9])
def test_joblib_plain_and_compressed(how: str, level: int) -> None:
    assert told(joblibbed()) == "joblib"
    assert told(joblibbed((how, level))) == "joblib"


def test_skops_and_onnx() -> None:
    assert told(skops.io.dumps(MODEL)) == "skops"
    forest = RandomForestClassifier(2).fit(np.eye(4), [0, 1, 0, 1])
    assert told(skops.io.dumps(forest, compression=zipfile.ZIP_DEFLATED)) == "skops"
    for size in (1, 100, 5_000):
        assert told(onnx_bytes(size)) == "onnx"
    assert told(onnx.helper.make_model(onnx.GraphProto(name="g")).SerializeToString()) == "onnx"


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "PNG image"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "JPEG image"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PAR1" + bytes(50), "Parquet"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
        (b"\x93NUMPY\x01\x00", "NumPy array"),
        (b"\x7fELF\x02", "Linux program"),
        (b"<!DOCTYPE html><html><body>Sign in</body>", "web page"),
        (b"  <html lang='en'>", "web page"),
        (b"<?xml version='1.0'?><PMML/>", "XML"),
        (b'{"model": 1}', "JSON"),
        (b"age,income,label\n1,2,0\n3,4,1\n", "CSV table"),
        (b"a;b\n1;2\n", "CSV table"),
        (b"import os\nprint(1)\n", "source code"),
        (b"#!/bin/sh\nrm -rf /\n", "script"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS pointer"),
        (b"Dear all, here is the model\nbest\n", "text"),
        ("Grüße aus Köln".encode(), "text"),
        (bytes(range(128, 256)), "binary data"),
        (bytes(1000), "binary data"),
        (zipped("notes.txt"), "ZIP archive"),
        (zipped("archive/data.pkl", "archive/version"), "PyTorch"),
        (zipped("metadata.json", "config.json"), "Keras"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "office document"),
        (zipped(), "empty ZIP"),
        (zipped("../evil.npy"), "ZIP archive"),
    ],
)
def test_everything_else_is_refused_by_its_looks(data: bytes, looks: str) -> None:
    with pytest.raises(Refused, match=looks) as refused:
        told(data)
    assert refused.value.code == "unsupported"
    assert ".onnx" in refused.value.reason


def test_empty_files_are_refused_as_such() -> None:
    with pytest.raises(Refused, match="empty") as refused:
        sniff(b"", 0)
    assert refused.value.code == "empty"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("m.pkl", "pickle"),
        ("m.pkl", "joblib"),
        ("m.joblib", "pickle"),
        ("m.joblib", "joblib"),
        ("M.PKL", "pickle"),
        ("m.skops", "skops"),
        ("m.onnx", "onnx"),
        ("model", "pickle"),
        ("model.bin", "onnx"),
        ("model.v2", "joblib"),
    ],
)
def test_names_that_fit_are_accepted(name: str, found: str) -> None:
    check_declared(name, found)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("m.onnx", "pickle"),
        ("m.onnx", "joblib"),
        ("m.skops", "joblib"),
        ("m.pkl", "onnx"),
        ("m.joblib", "skops"),
        ("m.pickle.onnx", "pickle"),
    ],
)
def test_mislabelled_files_are_refused(name: str, found: str) -> None:
    with pytest.raises(Refused, match=name.rpartition(".")[2]) as refused:
        check_declared(name, found)
    assert refused.value.code == "mislabelled"


def test_compressed_bytes_of_another_kind_are_not_taken_for_zlib() -> None:
    for data in (gzip.compress(b"x"), bz2.compress(b"x"), lzma.compress(b"x"), zlib.compress(b"x")):
        assert told(data) == "joblib"
    with pytest.raises(Refused):
        told(b"x is not zlib")
