"""Load: cases under way side by side through the embedded stack, beside the same AWS operations without Baton."""
