"""Where the dispatch service is reached, as it and those who ask it take it unless told otherwise. Imports nothing."""

from __future__ import annotations

PORT = 8187
"""Port of the service."""
TOKEN_VARIABLE = "PVBESSCAR_TOKEN"  # noqa: S105 (the name of a variable)
"""Environment variable that holds the token."""
