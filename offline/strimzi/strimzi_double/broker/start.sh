#!/bin/bash
# Formats the node's storage the first time, then becomes the broker. Runs in /opt/kafka.
set -o errexit -o nounset -o pipefail

config=$(dirname "$0")
# shellcheck source=/dev/null
source "$config/environment"
(umask 077 && cat "$KEYS.crt" "$KEYS.key" >"$KEYSTORE")
data=$(sed -n 's/^log\.dirs=//p' "$config/server.properties")

# The check saves a JVM start when a node comes back.
if [[ ! -f $data/meta.properties ]]; then
    bin/kafka-storage.sh format --ignore-formatted --cluster-id="$CLUSTER_ID" \
        --release-version "$METADATA_VERSION" --config "$config/server.properties"
fi

# Only here, not for the whole container: a tool that is run beside the broker needs less.
export KAFKA_HEAP_OPTS="$JVM"
export KAFKA_OPTS="-Djava.security.properties=$config/java.security"
export KAFKA_LOG4J_CONFIG="$config/log4j2.properties"
# Which rack it is in only the pod knows, once it has a node.
exec bin/kafka-server-start.sh "$config/server.properties" ${RACK:+--override "broker.rack=$RACK"}
