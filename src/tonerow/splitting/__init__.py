"""Pieces to works, works to train, val and test."""

from tonerow.splitting.works import SplitError, split

__all__ = ["SplitError", "split"]
