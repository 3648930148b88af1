"""A controller beside the site: it decides each hour from telemetry, moves nothing, and says what it would have saved."""
