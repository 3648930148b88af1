"""The roof of the domain: the declared stages, how one is run, what each left behind, and the records of runs."""
