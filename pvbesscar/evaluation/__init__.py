"""Rollouts, ledgers, score and the evaluation stage."""
