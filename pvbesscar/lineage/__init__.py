"""Files that are whole, where they are, and what made them."""
