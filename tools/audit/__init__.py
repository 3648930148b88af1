"""An independent audit of a dataset and of an evaluation: what it checks it shares no code with."""
