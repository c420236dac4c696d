"""The audit trail's seals: chains of hashes over committed events, and the proof that they hold."""
