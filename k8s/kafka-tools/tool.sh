#!/bin/sh
# Under the name of one of Kafka's tools, that tool; where and as whom need not be said, and may be.
set -eu
tool=/opt/kafka/bin/${0##*/}
case " $* " in
*" --command-config "*) ;;
*) set -- --command-config /etc/kafka/tools/operator.properties "$@" ;;
esac
case " $* " in
*" --bootstrap-server "*) ;;
*) set -- --bootstrap-server mandates-kafka-bootstrap:9093 "$@" ;;
esac
exec "$tool" "$@"
