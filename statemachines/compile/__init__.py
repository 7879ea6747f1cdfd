"""From a workflow definition to what is derived from it: the state machine, the pictures and the hand-off page."""
