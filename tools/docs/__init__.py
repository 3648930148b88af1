"""Makers of pages and pictures of the docs: `make docs` writes those that are made from the code."""
