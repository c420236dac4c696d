"""What every input serializer does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class Input(serializers.Serializer[Any]):
    """An input that names every field it does not know, instead of passing over it in silence."""

    def to_internal_value(self, data: Any) -> Any:
        faults: dict[str, list[serializers.ErrorDetail]] = {}
        if isinstance(data, Mapping):
            faults = {
                str(name): [serializers.ErrorDetail("This field is not known.", code="unknown")]
                for name in data
                if name not in self.fields
            }
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            detail = error.detail
            raise serializers.ValidationError(
                {**detail, **faults} if isinstance(detail, dict) else detail
            ) from None
        if faults:
            raise serializers.ValidationError(faults)
        return value


class Output(serializers.Serializer[Any]):
    """What a resource looks like in answers; never used for input."""
