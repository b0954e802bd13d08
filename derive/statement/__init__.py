"""Ways in: how statements become nodes."""
