"""The audit trail and its checks: receipts written and read, `log`, `show`, `verify`."""
