"""Drug advice from the inherited genome."""
