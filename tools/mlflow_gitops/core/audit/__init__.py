"""The audit trail: events, receipts, and what verification finds."""
