"""The canonical year as the subject of rules."""
