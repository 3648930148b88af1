"""OE2 input: readers of the formats that exist, the PV model, the synthetic default, and the stage `ingest`."""
