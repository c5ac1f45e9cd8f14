{{- define "service.dapr" -}}
{{- with .Values.service -}}
dapr.io/enabled: "true"
# Not the release's name: Components are scoped to it and state is stored under it.
dapr.io/app-id: {{ .dapr.appId | default $.Chart.Name }}
dapr.io/app-port: {{ .port | quote }}
dapr.io/config: {{ .dapr.config | default $.Chart.Name }}
# With which the sidecar proves to the service that it is its own.
dapr.io/app-token-secret: {{ include "service.token" $ }}
# From here on Go's runtime collects harder: a batch of the largest records stays below the limit.
dapr.io/env: GOMEMLIMIT={{ .dapr.softMemoryLimit }}
dapr.io/log-as-json: "true"
dapr.io/log-level: {{ .dapr.logLevel }}
# A sidecar that Kubernetes starts before the service and stops after it, so that the last
# requests of a stopping service still find their store.
dapr.io/enable-native-sidecar: "true"
dapr.io/graceful-shutdown-seconds: {{ .dapr.gracefulShutdownSeconds | quote }}
# Its own secret store would ask the API server with rights these pods do not have.
dapr.io/disable-builtin-k8s-secret-store: "true"
{{- range $bound, $amounts := .dapr.resources }}
{{- range $resource, $amount := $amounts }}
dapr.io/sidecar-{{ $resource }}-{{ trimSuffix "s" $bound }}: {{ $amount | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
