"""Learning from outcomes: what was decided, whether the model still holds, and which one speaks."""
