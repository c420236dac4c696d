"""What each zygote imports and runs once, so that a child never needs a file or a thread.

Everything a library does lazily must have happened before the fork: in a child every path call is
refused, and the first import, locale or /proc look-up would fail.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import pickle
import pkgutil
import sys
import warnings
from typing import Any

LC_ALL_MASK = 0x1FBF

SKLEARN_MODULES = (
    "packaging.version",
    "joblib.numpy_pickle",
    "joblib.numpy_pickle_compat",
    "multiprocessing.dummy",
    "multiprocessing.dummy.connection",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.random._pickle",
    "encodings.latin_1",
    "encodings.ascii",
    "encodings.idna",
    "encodings.unicode_escape",
    "encodings.raw_unicode_escape",
    "bz2",
    "gzip",
    "lzma",
    "zlib",
    "zipfile",
    "pandas",
    "scipy.sparse.csgraph",
    "skops.io",
    "sklearn",
    "skl2onnx",
    # Without this one every conversion fails.
    "skl2onnx.algebra.onnx_operator_mixin",
    "jail.formats",
    "jail.triage",
    "jail.globals",
    "jail.unpickle",
    "jail.arrays",
    "jail.structure",
    "jail.signature",
    "jail.probes",
    "jail.native",
    "jail.compile",
)
ONNX_MODULES = (
    "numpy.random",
    "numpy.ma",
    "encodings.idna",
    "onnx",
    "onnx.checker",
    "onnxruntime",
    "jail.formats",
    "jail.onnxgraph",
    "jail.onnxmodel",
    "jail.parity",
)
TABLE_MODULES = (
    "encodings.idna",
    "numpy.ma",
    "numpy.random",
    "pyarrow.compute",
    "pyarrow.ipc",
    "pyarrow.parquet",
    "jail.tables",
)


def _import_all(names: tuple[str, ...]) -> None:
    for name in names:
        importlib.import_module(name)


def _import_all_sklearn() -> None:
    """Every module, the private ones too: scikit-learn imports some of them at their first use."""
    import sklearn

    for module in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        parts = module.name.split(".")
        if parts[1] == "externals" or any("test" in part for part in parts):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError:
            continue  # an optional part whose own dependency is not installed


def _build_allow_list() -> None:
    from jail import globals as allowed

    allowed.preimport()


def load_locale() -> None:
    """Have libc read C.UTF-8 once: onnxruntime's text operators ask for it by name.

    Raises OSError where the system has no such locale.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.newlocale.restype = ctypes.c_void_p
    libc.newlocale.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
    if not libc.newlocale(LC_ALL_MASK, b"C.UTF-8", None):
        raise OSError("this system has no locale C.UTF-8")


def _tiny_models() -> list[Any]:
    from sklearn.cluster import KMeans
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=5)),
        RandomForestClassifier(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2),
        KNeighborsClassifier(n_neighbors=2),
        KMeans(n_clusters=2, n_init=1),
    ]


def _exercise() -> None:
    """Fit, predict, pickle and convert, so that every lazy look-up has happened."""
    import joblib
    import numpy as np
    from skl2onnx import to_onnx
    from sklearn.utils.parallel import _get_threadpool_controller

    _get_threadpool_controller()  # else KMeans reads /proc/self/maps in the child
    joblib.cpu_count(only_physical_cores=True)  # else joblib runs lscpu in the child
    rows = np.random.default_rng(0).normal(size=(40, 3))
    labels = (rows[:, 0] > 0).astype(int)
    for model in _tiny_models():
        model.fit(rows, labels)
        model.predict(rows)
        pickle.dumps(model)
        repr(model)
        joblib.dump(model, io.BytesIO())
        to_onnx(model, rows[:1].astype(np.float32))


def _exercise_frames() -> None:
    """Named columns and texts go through libraries of their own (pandas, narwhals, re)."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame({"n": [1.0, None, 3.0, 4.0], "s": ["a", "b", None, "a"]})
    labels = [0, 1, 0, 1]
    prepare = make_column_transformer(
        (SimpleImputer(), ["n"]), (OneHotEncoder(handle_unknown="ignore"), ["s"])
    )
    for model, rows in (
        (make_pipeline(prepare, LogisticRegression()), frame),
        (
            make_pipeline(TfidfVectorizer(), LogisticRegression()),
            ["good day", "bad day", "good night", "bad night"],
        ),
    ):
        model.fit(rows, labels)
        model.predict(rows)
        repr(model)


class WithoutArrow:
    """Says that pyarrow is not installed.

    pandas would take it for its texts where it finds it, with threads and a memory of its own.
    """

    def find_spec(self, name: str, *_: object) -> None:
        """Python's question for every module that is imported the first time."""
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def warm_sklearn() -> None:
    """Make this process the parent of children that load, answer and compile."""
    sys.meta_path.insert(0, WithoutArrow())
    load_locale()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _import_all(SKLEARN_MODULES)
        _import_all_sklearn()
        _build_allow_list()
        _exercise()
        _exercise_frames()


def warm_onnx() -> None:
    """Make this process the parent of children that run graphs; never a session before a fork."""
    _import_all(ONNX_MODULES)
    load_locale()


def warm_tables() -> None:
    """Make this process the parent of children that read and write Parquet."""
    _import_all(TABLE_MODULES)
    import pyarrow as pa
    import pyarrow.parquet as pq

    from jail.tables import Table, as_array

    rows = pa.table({"n": [1.0, None], "s": ["a", None], "i": [1, 2], "b": [True, None]})
    file = io.BytesIO()
    pq.write_table(rows, file)
    table = Table(file)
    table.choose(rows.column_names)
    for name, column in zip(rows.column_names, table.take(0, 2).columns, strict=True):
        as_array(name, column)


WARM_UPS = {"sklearn": warm_sklearn, "onnx": warm_onnx, "tables": warm_tables}
