"""Passes journal entries on: metrics, events, EMR write-back."""
