"""Loading a model: read, built under the allow-list, and its structure checked, in the jail only.

`load` gives the model with what a person should know about it; `load_model` the model alone.
Whatever the file holds, the outcome is a model or Refused; only running out of memory gets through.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, BinaryIO

from jail import fitted, skopsfile
from jail.assembly import Assembly, name_of
from jail.machine import Machine
from jail.refusal import Refused
from jail.source import open_source
from jail.triage import VERSION_CODES, saved_with, with_versions


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that passed. `notes` are sentences for its page, e.g. another version's warning."""

    model: Any
    saved_with: str | None
    notes: tuple[str, ...]


def load_model(file: BinaryIO, format: str, size: int) -> object:  # noqa: A002 - the field's word
    """The model in `file` (`size` bytes, seekable), of the format that `jail.formats.sniff` told.

    n_jobs is 1 everywhere in it. Raises Refused; MemoryError when the jail is too small for it.
    """
    return load(file, format, size).model


def load(file: BinaryIO, format: str, size: int) -> Loaded:  # noqa: A002 - the field's word
    """Like `load_model`, with the scikit-learn version it was saved with and notes about it."""
    try:
        return _load(file, format, size)
    except Refused as refused:
        raise _explained(refused, file, format) from None
    except MemoryError:
        raise
    except RecursionError:
        raise Refused("The model is nested too deeply.", "too_deep") from None
    except Exception as error:  # noqa: BLE001 - a damaged state can make any library code raise
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        broken = Refused(
            f"The file is damaged, or not what its libraries write: {detail}", "damaged"
        )
        raise _explained(broken, file, format) from None


def _load(file: BinaryIO, format: str, size: int) -> Loaded:  # noqa: A002 - the field's word
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = skopsfile.read if format == "skops" else _unpickle
        model, version = read(file, size)
    notes = {
        " ".join(str(each.message).split())[:500] for each in caught if _is_about_version(each)
    }
    _require_estimator(model)
    fitted.check(model)
    return Loaded(model, version, tuple(sorted(notes)))


def _is_about_version(caught: warnings.WarningMessage) -> bool:
    from sklearn.exceptions import InconsistentVersionWarning

    return issubclass(caught.category, InconsistentVersionWarning)


def _unpickle(file: BinaryIO, size: int) -> tuple[Any, str | None]:
    source = open_source(file, size)
    assembly = Assembly()
    model = Machine(source, assembly).load()
    source.finish()
    assembly.finish()
    return model, assembly.version


def _require_estimator(model: Any) -> None:
    from sklearn.base import BaseEstimator

    if isinstance(model, BaseEstimator):
        return
    if type(model) is dict:
        raise Refused(
            "The file holds a dictionary, not a model. Save the fitted estimator itself, or one "
            "Pipeline with all the steps.",
            "not_a_model",
        )
    raise Refused(
        f"The file holds {name_of(model)}, not a fitted scikit-learn estimator.", "not_a_model"
    )


def _explained(refused: Refused, file: BinaryIO, format: str) -> Refused:  # noqa: A002
    if refused.code not in VERSION_CODES:
        return refused
    return with_versions(refused, saved_with(file, format))
