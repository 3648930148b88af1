"""SAC, PPO and A2C: from settings to trained models with their metrics."""
