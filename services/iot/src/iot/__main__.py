"""`python -m iot` runs the service."""

from iot.app import main

main()
