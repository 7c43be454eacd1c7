"""Reads and changes what MLflow's basic-auth app grants to its accounts.

MLflow's own client for this needs the server's dependencies, so its transport is used.
"""
