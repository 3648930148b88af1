"""What runs when: the Prefect flows of the pipeline and the server that they report to."""
