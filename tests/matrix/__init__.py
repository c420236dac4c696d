"""Who gets what on every route: the callers, and tables of routes by app."""
