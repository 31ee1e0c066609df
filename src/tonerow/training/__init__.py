"""The loop, and from where it goes on."""
