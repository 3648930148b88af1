"""One thin Prefect task per stage: retried where that can help, shown in the UI, done in `pvbesscar`."""
