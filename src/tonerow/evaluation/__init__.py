"""How many nats a note costs: a model, and the baselines beside it."""
