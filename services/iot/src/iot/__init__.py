"""The IoT Platform: the query side of Mandates."""

__version__ = "1.0.0"
