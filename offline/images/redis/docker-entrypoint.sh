#!/bin/sh
# Options alone mean redis-server, as with the official image; and as there, other hosts may connect.
set -eu
case "${1:-}" in
redis-server) shift ;;
-*) ;;
*) exec "$@" ;;
esac
exec redis-server --protected-mode no "$@"
