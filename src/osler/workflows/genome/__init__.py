"""The acts of `osler genome`."""
