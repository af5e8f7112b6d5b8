"""MLflow's registry: its clients' calls, over the same actions, permissions, recorder and gate as any door."""
