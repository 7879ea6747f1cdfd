"""What the records of each source state, and under which conditions they state nothing that an event could carry."""
