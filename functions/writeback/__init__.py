"""Makes the EMR show what each case says."""
