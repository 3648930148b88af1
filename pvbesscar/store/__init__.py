"""Ground of the project folder: files, digests, locks, drafts, and fingerprints of code."""
