"""Takes events in from the bus."""
