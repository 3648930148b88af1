"""Policies of the agents: the battery follows an import target, the sockets share one network."""
