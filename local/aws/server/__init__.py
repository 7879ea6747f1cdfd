"""What runs inside MiniStack's own virtual environment: standard library, ministack and hypercorn only."""
