"""The environments of a repository, and the servers that each was reconciled on."""
