#!/bin/bash
# Ready means: the node answers a Kafka Metadata request, and the answer lists it among the
# brokers that live. In plain bash, because a JVM per probe would cost more than the broker.
set -o errexit -o nounset -o pipefail

# The first of the listeners tells the node's own host name: they all have the same.
host=$(sed -n 's|^advertised\.listeners=[^:]*://\([^:]*\):.*|\1|p' "$(dirname "$0")/server.properties")

exec 3<>/dev/tcp/127.0.0.1/8443
# Length 14; Metadata (3), version 1, correlation id 1, no client id, no topics.
printf '\0\0\0\x0e\0\x03\0\x01\0\0\0\x01\xff\xff\0\0\0\0' >&3
length=$((16#$(head -c 4 <&3 | od -An -tx1 | tr -d ' \n')))
head -c "$length" <&3 | grep --quiet --text --fixed-strings "$host"
