"""The hand-off itself: use cases, the ports they need, the adapters that serve them on AWS and in memory, and their wiring."""
