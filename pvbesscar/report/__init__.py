"""Figures and the HTML page, made from the result files and nothing else."""
