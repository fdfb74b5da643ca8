"""The `treatment:` section of a study: a target trial, from its arms to what is told of it."""
