"""MLflow's tracking server and model registry, as its own clients ask for them."""
