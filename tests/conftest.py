"""Shared settings of the tests."""

from hypothesis import settings

# A timing never decides a test.
settings.register_profile("tonerow", deadline=None)
settings.load_profile("tonerow")
