{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Dapr's injector looks only at pods of this family: k8s/dapr/control-plane-values.yaml. */ -}}
{{- define "service.family" -}}
app.kubernetes.io/part-of: mandates
{{- end }}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
{{ include "service.family" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "service.image" -}}
{{- with .Values.service.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* Of the chart and not of the release: two releases of one chart are given the same by `make up`. */ -}}
{{- define "service.token" -}}
{{ .Chart.Name }}-app-token
{{- end }}

{{- define "service.volume" -}}
{{ . | trimPrefix "/" | replace "/" "-" }}
{{- end }}

{{- define "service.claim" -}}
{{ (index . 0).Release.Name }}-{{ include "service.volume" (index . 1) }}
{{- end }}
