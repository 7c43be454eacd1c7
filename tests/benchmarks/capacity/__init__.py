"""What one MLflow server and one loop carry, from measured parts."""
