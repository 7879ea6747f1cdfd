"""The EMR on this machine: a FHIR R4 server with faults on demand."""
