"""What may arrive: the envelope, the catalog of event types, and the one way to read an event."""
