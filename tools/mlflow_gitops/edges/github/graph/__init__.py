"""GitHub's GraphQL API: one query reads what the REST API gives in five answers (RULES R9)."""
