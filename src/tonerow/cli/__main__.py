"""Runs `tonerow` as a module."""

from tonerow.cli import main

main()
