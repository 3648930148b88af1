"""Arithmetic that gives the same digits on every processor; for whatever a digest hangs on."""
