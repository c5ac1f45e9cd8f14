#!/bin/bash
# Runs one of Kafka's programs: under its own name a class, under a command's name that command's class.
set -euo pipefail

declare -A class=(
  [kafka-acls.sh]=org.apache.kafka.tools.AclCommand
  [kafka-broker-api-versions.sh]=org.apache.kafka.tools.BrokerApiVersionsCommand
  [kafka-cluster.sh]=org.apache.kafka.tools.ClusterTool
  [kafka-configs.sh]=kafka.admin.ConfigCommand
  [kafka-console-consumer.sh]=org.apache.kafka.tools.consumer.ConsoleConsumer
  [kafka-console-producer.sh]=org.apache.kafka.tools.ConsoleProducer
  [kafka-consumer-groups.sh]=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
  [kafka-consumer-perf-test.sh]=org.apache.kafka.tools.ConsumerPerformance
  [kafka-delete-records.sh]=org.apache.kafka.tools.DeleteRecordsCommand
  [kafka-dump-log.sh]=org.apache.kafka.tools.DumpLogSegments
  [kafka-features.sh]=org.apache.kafka.tools.FeatureCommand
  [kafka-get-offsets.sh]=org.apache.kafka.tools.GetOffsetShell
  [kafka-leader-election.sh]=org.apache.kafka.tools.LeaderElectionCommand
  [kafka-log-dirs.sh]=org.apache.kafka.tools.LogDirsCommand
  [kafka-metadata-quorum.sh]=org.apache.kafka.tools.MetadataQuorumCommand
  [kafka-producer-perf-test.sh]=org.apache.kafka.tools.ProducerPerformance
  [kafka-reassign-partitions.sh]=org.apache.kafka.tools.reassign.ReassignPartitionsCommand
  [kafka-server-start.sh]=kafka.Kafka
  [kafka-storage.sh]=kafka.tools.StorageTool
  [kafka-topics.sh]=org.apache.kafka.tools.TopicCommand
)

home=$(dirname "$(dirname "$(readlink -f "$0")")")
me=$(basename "$0")

if [[ ${1:-} == --link-commands ]]; then
  for command in "${!class[@]}"; do ln -sf kafka-run-class.sh "$home/bin/$command"; done
  exit
fi

if [[ $me == kafka-run-class.sh ]]; then
  main=${1:?usage: kafka-run-class.sh CLASS [ARGUMENT ...]}
  shift
else
  main=${class[$me]}
fi

# A command beside a broker in one container must stay small; the broker sets its own heap.
exec java ${KAFKA_HEAP_OPTS:--Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1} ${KAFKA_OPTS:-} \
  "-Dlog4j2.configurationFile=${KAFKA_LOG4J_CONFIG:-$home/config/log4j2.yaml}" \
  -cp "$home/libs/*" "$main" "$@"
