"""Real clients against a running Slipway: `make conformance`."""
