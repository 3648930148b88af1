"""A controller beside the site: it decides from telemetry, moves nothing, and says what it would have saved."""
