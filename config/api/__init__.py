"""The operators' routes that look at every app: figures, health, dashboard."""
