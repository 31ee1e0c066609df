"""Processes that read files, and what they leave for the next run."""
