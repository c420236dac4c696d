"""What every app stands on: events, errors, ids, clock, storage, HTTP and API glue."""
