#!/bin/bash
# Formats the node's storage the first time, then becomes the broker. Runs in /opt/kafka.
set -o errexit -o nounset -o pipefail

config=$(dirname "$0")
# shellcheck source=/dev/null
source "$config/environment"
data=$(sed -n 's/^log\.dirs=//p' "$config/server.properties")
export KAFKA_LOG4J_OPTS="-Dlog4j2.configurationFile=$config/log4j2.properties"

# The check saves a JVM start when a node comes back.
if [[ ! -f $data/meta.properties ]]; then
    KAFKA_HEAP_OPTS=-Xmx64m KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1" \
        bin/kafka-storage.sh format --ignore-formatted --cluster-id="$CLUSTER_ID" \
        --release-version "$METADATA_VERSION" --config "$config/server.properties"
fi

export KAFKA_HEAP_OPTS="$HEAP"
export KAFKA_JVM_PERFORMANCE_OPTS="-server $JVM"
export KAFKA_OPTS="-Djava.security.properties=$config/java.security"
exec bin/kafka-server-start.sh "$config/server.properties"
