"""The cohort that ships with osler."""
