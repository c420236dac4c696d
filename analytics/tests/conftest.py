"""Calls that were counted."""

from inference.tests.counting import Count, count

__all__ = ["Count", "count"]
