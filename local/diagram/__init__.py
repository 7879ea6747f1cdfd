"""Pictures of the workflows."""
