"""The audit trail: what it says beside its events."""
