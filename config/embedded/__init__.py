"""PostgreSQL and Valkey run by ourselves, for a machine that has neither."""
