"""What a workflow is: the language it is written in, the data it becomes, and what is decided from it. Pure: no clock, no network."""
