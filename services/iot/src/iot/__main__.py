"""`python -m iot` runs the service."""

from iot.main import main

main()
