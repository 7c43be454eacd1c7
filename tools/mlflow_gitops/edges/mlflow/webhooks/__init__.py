"""MLflow's webhooks: who sent a delivery, and which model it names."""
