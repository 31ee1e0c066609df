"""A trained model behind MLflow's `predict`: notes for a table."""
