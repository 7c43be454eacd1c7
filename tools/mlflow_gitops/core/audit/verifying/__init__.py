"""What `verify` compares: MLflow with git and receipts, model by model."""
