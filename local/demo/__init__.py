"""The demonstration: a scenario of events at three facilities, shown as it happens, and a report that checks itself."""
