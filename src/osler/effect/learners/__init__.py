"""What learns expected outcomes and effects of single people."""
