"""A test double that stands in for the Strimzi 1.2.0 operators. Not a product."""

VERSION = "1.2.0"
