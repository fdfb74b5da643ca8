"""Individual effects beside peers."""
