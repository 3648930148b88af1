"""What the data looks like: settings, results, frame contracts and errors. Imports nothing of the project."""
