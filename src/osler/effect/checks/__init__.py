"""What is looked at before any effect is shown."""
