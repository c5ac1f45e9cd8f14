"""The log, what is measured, and the trace that both belong to."""
