"""Pieces to works, works to train, val and test."""
