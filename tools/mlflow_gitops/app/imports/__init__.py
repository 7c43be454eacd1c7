"""The use case of `import`: which models it takes, and what becomes of their manifests."""
