"""The EMR as the functions see it: FHIR R4 over HTTP, a ledger of what was written, and the three resources written."""
