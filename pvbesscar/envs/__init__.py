"""Gymnasium environments on top of a simulator."""
