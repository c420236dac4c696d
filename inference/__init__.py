"""Predictions: what goes in is checked, what comes out is answered."""
