"""Reads values from Prometheus' HTTP API."""
