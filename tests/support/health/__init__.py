"""Health in tests: what monitors would say, without any."""
