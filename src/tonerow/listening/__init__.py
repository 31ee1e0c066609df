"""What shows or sounds music."""
