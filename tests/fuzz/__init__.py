"""Whatever comes from outside, mangled: nothing crashes, nothing is lost, nothing that identifies a patient is logged."""
