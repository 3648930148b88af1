"""The controller at work: the plant's state before an hour in, the hour's setpoints out."""
