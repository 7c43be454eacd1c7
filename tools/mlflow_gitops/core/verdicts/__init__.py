"""The policy's gates, asked about every entry: evidence, overrides, verdicts and refusals."""
