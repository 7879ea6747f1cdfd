"""Seeded disorder: whole runs of the real use cases against services that misbehave within what they promise.

One seed decides what happens (``story``), and every fault that befalls it (``dice``); the same seed gives the same history.
"""
