"""The sides of a split."""

SPLITS = ("train", "val", "test")
"""What is learned from, what chooses, and what is reported."""
