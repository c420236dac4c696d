"""What the daemon asks of one child, on its way through the zygote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jail.limits import Budget


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the daemon wants of one child, as it came in JSON.

    pickles      whether pickles may be loaded: the self-test held, or the operator insists
    unsandboxed  the operator accepts that this machine has no jail
    """

    id: int
    job: str
    size: int
    uid: int | None
    budget: Budget
    pickles: bool
    unsandboxed: bool

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Assignment:
        """Rebuild what `as_json` made."""
        return cls(**{**data, "budget": Budget(**data["budget"])})

    def as_json(self) -> dict[str, Any]:
        """For the message to the zygote."""
        budget = {
            "address_space": self.budget.address_space,
            "growth": self.budget.growth,
            "cpu": self.budget.cpu,
            "steps": dict(self.budget.steps),
        }
        return {
            "id": self.id,
            "job": self.job,
            "size": self.size,
            "uid": self.uid,
            "budget": budget,
            "pickles": self.pickles,
            "unsandboxed": self.unsandboxed,
        }
