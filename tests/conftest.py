"""What the tests of whole installations share."""

from __future__ import annotations

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests made of the schema's operations share one id: two processes would run the first alone.

    Schemathesis gives the operation to the name and leaves it out of the structured id of pytest 9.
    """
    label = getattr(item, "operation_label", None)
    if label and item.id.params is None:
        item._id = item.id.with_params(label)
