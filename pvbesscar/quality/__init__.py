"""The quality gate: one registry of rules; everything that judges or shows data quality is made from it."""
