"""Controllers on one interface: baselines, policies."""
