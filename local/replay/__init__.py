"""Sends real clinical data through the same path as any event, and says what became of every record.

- readers: which files there are, and their records, streamed
- mapping: what a record states (`chart_events` and `fhir` hold the tables), or why it states nothing
- staging: statements on disk, in the order in which a live system would have learned them
- course: statements to events (its table says which, and what is concluded)
- in_memory, deployed: where events go
- ledger, summary: the account
"""
