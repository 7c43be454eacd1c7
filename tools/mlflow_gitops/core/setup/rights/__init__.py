"""Who of MLflow's users may do what: what the policy's `accounts` need at least, and how that
differs from what a server grants."""
