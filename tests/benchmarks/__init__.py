"""Benchmarks: ratios measured side by side in one run. They print, and never fail a test run."""
