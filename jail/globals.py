"""What a model file may name: exact (module, name) pairs, each for one use.

classes    made empty (NEWOBJ) and filled by the checked state; scikit-learn's own and a few more
makers     called by REDUCE, each through a checked stand-in in jail/assembly.py
values     named as a value and never called by the loader: dtypes, metrics, ufuncs

The estimators are those of the installed scikit-learn, so the list is exact for its version.
Everything else is refused by name. `preimport` imports it all: a child can open no file.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from dataclasses import dataclass

from jail.refusal import Refused

Name = tuple[str, str]

_LOSSES = (
    "HalfSquaredError AbsoluteError PinballLoss HuberLoss HalfPoissonLoss HalfGammaLoss "
    "HalfTweedieLoss HalfTweedieLossIdentity HalfBinomialLoss HalfMultinomialLoss ExponentialLoss"
)
_KERNELS = (
    "CompoundKernel Sum Product Exponentiation ConstantKernel WhiteKernel RBF Matern "
    "RationalQuadratic ExpSineSquared DotProduct PairwiseKernel"
)
_SPLITTERS = (
    "LeaveOneOut LeavePOut KFold GroupKFold StratifiedKFold StratifiedGroupKFold TimeSeriesSplit "
    "LeaveOneGroupOut LeavePGroupsOut RepeatedKFold RepeatedStratifiedKFold ShuffleSplit "
    "GroupShuffleSplit StratifiedShuffleSplit PredefinedSplit _CVIterableWrapper"
)
_DISTANCES = (
    "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard Mahalanobis Manhattan "
    "Minkowski RogersTanimoto RussellRao SEuclidean SokalSneath"
)
_CY_LOSSES = (
    "CyHalfSquaredError CyAbsoluteError CyPinballLoss CyHuberLoss CyHalfPoissonLoss "
    "CyHalfGammaLoss CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHalfBinomialLoss "
    "CyHalfMultinomialLoss CyExponentialLoss"
)
_SGD_LOSSES = "ModifiedHuber Hinge SquaredHinge EpsilonInsensitive SquaredEpsilonInsensitive"
_SPARSE = "coo csc csr"
_FLOAT_UFUNCS = (
    "log log1p log2 log10 exp expm1 exp2 sqrt cbrt square absolute fabs negative positive "
    "reciprocal sign sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh rint "
    "floor ceil trunc deg2rad rad2deg"
)
"""Elementwise functions of one argument: what a FunctionTransformer may apply."""

INTERNALS: dict[str, str] = {
    "sklearn._loss.link": (
        "Interval IdentityLink LogLink LogitLink HalfLogitLink MultinomialLogit"
    ),
    "sklearn._loss.loss": _LOSSES,
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration",
    "sklearn.cluster._birch": "_CFNode _CFSubcluster",
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "sklearn.compose._column_transformer": "make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": _KERNELS,
    "sklearn.metrics._scorer": "_Scorer _PassthroughScorer _CurveScorer _MultimetricScorer",
    "sklearn.model_selection._split": _SPLITTERS,
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "scipy.interpolate._bsplines": "BSpline",
    **{f"scipy.sparse._{kind}": f"{kind}_matrix {kind}_array" for kind in _SPARSE.split()},
}
"""Classes that estimators hold and that are no public estimators."""

MAKERS: dict[str, str] = {
    "builtins": "set frozenset list tuple dict bytes bytearray slice range complex object",
    "_codecs": "encode",
    "collections": "OrderedDict defaultdict Counter",
    "copyreg": "_reconstructor",
    "functools": "partial",
    "numpy": "ndarray dtype",
    "numpy.ma": "MaskedArray",
    "numpy.ma.core": "_mareconstruct MaskedArray",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy._core.numeric": "_frombuffer",
    "numpy.random._pickle": "__bit_generator_ctor __randomstate_ctor __generator_ctor",
    "numpy.random.mtrand": "RandomState",
    "numpy.random._generator": "Generator",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "sklearn._loss._loss": f"{_CY_LOSSES} __pyx_unpickle_CyHalfMultinomialLoss",
    "sklearn.linear_model._sgd_fast": _SGD_LOSSES,
    "sklearn.metrics._dist_metrics": "newObj "
    + " ".join(f"{name}Distance{bits}" for name in _DISTANCES.split() for bits in (32, 64)),
    "sklearn.neighbors._ball_tree": "newObj BallTree BallTree64 BallTree32",
    "sklearn.neighbors._kd_tree": "newObj KDTree KDTree64 KDTree32",
    "sklearn.tree._tree": "Tree",
}
"""Functions and types that REDUCE may call (through their stand-in), and their arguments."""

VALUES: dict[str, str] = {
    "builtins": "int float str bool",
    "numpy": (
        "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool bool_ "
        "str_ object_ number integer floating generic complex64 complex128 intp "
        f"mean median max min amax amin sum {_FLOAT_UFUNCS}"
    ),
    "numpy._core.fromnumeric": "mean max min amax amin sum",
    "numpy.lib._function_base_impl": "median",
    "numpy._core._multiarray_umath": _FLOAT_UFUNCS,
    "scipy.special": "expit logit",
    "scipy.special._ufuncs": "expit logit",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "sklearn.cluster._kmeans": "_kmeans_single_lloyd _kmeans_single_elkan",
    "sklearn.feature_selection._univariate_selection": "f_classif f_regression chi2 r_regression",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.metrics._classification": (
        "accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score d2_brier_score "
        "d2_log_loss_score f1_score fbeta_score hamming_loss hinge_loss jaccard_score log_loss "
        "matthews_corrcoef precision_score recall_score zero_one_loss class_likelihood_ratios"
    ),
    "sklearn.metrics._ranking": (
        "auc average_precision_score dcg_score ndcg_score roc_auc_score top_k_accuracy_score "
        "coverage_error label_ranking_average_precision_score label_ranking_loss"
    ),
    "sklearn.metrics._regression": (
        "d2_absolute_error_score d2_pinball_score d2_tweedie_score explained_variance_score "
        "max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance "
        "mean_pinball_loss mean_poisson_deviance mean_squared_error mean_squared_log_error "
        "mean_tweedie_deviance median_absolute_error r2_score root_mean_squared_error "
        "root_mean_squared_log_error"
    ),
    "sklearn.metrics._scorer": "negative_likelihood_ratio positive_likelihood_ratio",
    "sklearn.metrics.cluster._supervised": (
        "adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score "
        "homogeneity_score mutual_info_score normalized_mutual_info_score rand_score "
        "v_measure_score"
    ),
    "sklearn.utils.validation": "check_array",
    "sklearn.metrics.pairwise": (
        "additive_chi2_kernel chi2_kernel cosine_distances cosine_similarity euclidean_distances "
        "haversine_distances laplacian_kernel linear_kernel manhattan_distances "
        "nan_euclidean_distances polynomial_kernel rbf_kernel sigmoid_kernel"
    ),
}
"""Pure functions and plain types that a fitted model refers to."""

SAME_MODULE = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "numpy.core._multiarray_umath": "numpy._core._multiarray_umath",
    "numpy.core.fromnumeric": "numpy._core.fromnumeric",
    "numpy._core.umath": "numpy._core._multiarray_umath",
    "numpy.core.umath": "numpy._core._multiarray_umath",
}
"""Names of modules in older Python (protocols 0-2) and NumPy, and where the same thing is now."""

_ALSO_NEEDED = (
    "encodings.ascii",
    "encodings.latin_1",
    "encodings.raw_unicode_escape",
    "encodings.utf_8",
    "encodings.cp437",
    "numpy.lib.format",
    "numpy.random._pickle",
    "scipy.interpolate",
    "scipy.sparse.csgraph",
    "sklearn.exceptions",
)
"""What loading imports on its way, besides what is named: codecs by name, zip names, formats."""

ARRAY_HEADER: Name = ("joblib.numpy_pickle", "NumpyArrayWrapper")


class ArrayHeader:
    """What a joblib file says of an array whose bytes follow; never joblib's own class."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class AllowList:
    """The names and what they stand for. `functions` are the callables among the values."""

    objects: dict[Name, object]
    classes: frozenset[type]
    types: frozenset[object]
    functions: frozenset[object]
    transforms: frozenset[object]


def _resolve(names: dict[str, str]) -> dict[Name, object]:
    return {
        (module, name): getattr(importlib.import_module(module), name)
        for module, line in names.items()
        for name in line.split()
    }


def _estimators() -> dict[Name, object]:
    from sklearn.utils import all_estimators

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing everything also imports what is deprecated
        found = [cls for _name, cls in all_estimators()]
    own = [cls for cls in found if cls.__module__.startswith("sklearn.")]
    return {(cls.__module__, cls.__name__): cls for cls in own}


@functools.cache
def allow_list() -> AllowList:
    """Built once per process, in the zygote (it imports all of scikit-learn)."""
    classes = {**_estimators(), **_resolve(INTERNALS), ARRAY_HEADER: ArrayHeader}
    values = _resolve(VALUES)
    types = [value for value in values.values() if isinstance(value, type)]
    functions = [value for value in values.values() if not isinstance(value, type)]
    transforms = [
        value
        for (module, name), value in values.items()
        if name in _FLOAT_UFUNCS.split() or module.startswith("scipy.special")
    ]
    return AllowList(
        objects={**_resolve(MAKERS), **values, **classes},
        classes=frozenset(cls for cls in classes.values() if isinstance(cls, type)),
        types=frozenset(types),
        functions=frozenset(functions),
        transforms=frozenset(transforms),
    )


def preimport() -> None:
    """Import everything that loading any allowed model needs; the zygote calls this once."""
    for module in _ALSO_NEEDED:
        importlib.import_module(module)
    allow_list()


def canonical(module: str, name: str) -> Name:
    """The pair under which today's libraries know what an older file names."""
    return SAME_MODULE.get(module, module), name


def find(module: str, name: str) -> object:
    """What the file may have for this name.

    Raises Refused: "unsafe_global" naming it, or "version_mismatch" when it belongs to scikit-learn
    or NumPy and the installed version does not have it.
    """
    if "." in name:
        raise Refused(
            f"The file names {module[:100]}.{name[:100]}, a name inside of another, which no "
            "served model may use.",
            "unsafe_global",
        )
    found = allow_list().objects.get(canonical(module, name))
    if found is not None:
        return found
    raise refuse(module, name)


def refuse(module: str, name: str) -> Refused:
    """The refusal of one name, with the reason a person can act on."""
    shown = f"{module}.{name}"[:200]
    if module in {"__main__", "__mp_main__"}:
        return Refused(
            f"The model uses {shown}, code of your own that is not in the file. Only scikit-learn's"
            " own classes and functions can be served.",
            "custom_code",
        )
    if _is_gone(module, name):
        return Refused(
            f"The model names {shown}, which the installed version does not have.",
            "version_mismatch",
        )
    return Refused(f"The file names {shown}, which no served model may use.", "unsafe_global")


def _is_gone(module: str, name: str) -> bool:
    """Whether the name is a scikit-learn internal this version lacks. Imports nothing."""
    import sys

    if module.partition(".")[0] != "sklearn" or "." in name:
        return False
    known = sys.modules.get(module)
    return known is None or not hasattr(known, name)
