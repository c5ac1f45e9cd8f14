#!/bin/bash
# Succeeds when the server answers; the options of the official image's check are accepted.
# A refused login is an answer too: it comes from a server that is up.
set -euo pipefail
answer=$(mariadb-admin --user=healthcheck --connect-timeout=2 ping 2>&1) || [[ $answer == *"Access denied"* ]]
