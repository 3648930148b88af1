"""Controllers run on a simulator: hours, stretches of the year, ledgers."""
