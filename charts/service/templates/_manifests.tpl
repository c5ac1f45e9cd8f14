{{- /*
All that a service is, for a chart to include once:
  chart     the root context of that chart; its values hold this library's under `service`
  settings  environment variable -> value. An empty value is not passed: the service's own default
            holds. A map {name, key} is a reference to a Secret.
  routes    the paths that may lead in from outside: see service.outside
  files     file name -> text: what the service finds in /files; may be left out
*/ -}}
{{- define "service.manifests" -}}
{{ include "service.account" .chart }}
---
{{ include "service.service" .chart }}
---
{{ include "service.deployment" . }}
---
{{ include "service.test" .chart }}
{{- include "service.claims" .chart }}
{{- include "service.scaling" .chart }}
{{- include "service.outside" . }}
{{- include "service.files" . }}
{{- include "service.network" .chart }}
{{- end }}

{{- define "service.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
  {{- with .Values.service.serviceAccountAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
# Neither the service nor its sidecar speaks to the API server: Dapr's operator reads the Secrets
# that Components refer to, and the sidecar proves who it is with a token of its own.
automountServiceAccountToken: false
{{- end }}

{{- define "service.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
  {{- with .Values.service.serviceAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  ipFamilyPolicy: PreferDualStack
  selector: {{- include "service.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ .Values.service.port }}
      targetPort: http
{{- end }}

{{- define "service.claims" -}}
{{- range $path, $size := .Values.service.claims }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "service.claim" (list $ $path) }}
  labels: {{- include "service.labels" $ | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: {{ $size }}
{{- end }}
{{- end }}

{{- define "service.files" -}}
{{- with .files }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $.chart.Release.Name }}-files
  labels: {{- include "service.labels" $.chart | nindent 4 }}
data: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "service.test" -}}
# `helm test`: the name, the Service and a ready pod behind it, seen from another pod.
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  labels: {{- include "service.tester" . | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  {{- include "service.placement" . | nindent 2 }}
  securityContext: {{- include "service.podSecurity" . | nindent 4 }}
  containers:
    - name: get
      image: {{ include "service.image" . }}
      imagePullPolicy: {{ .Values.service.image.pullPolicy }}
      securityContext: {{- include "service.security" . | nindent 8 }}
      command: [python, -c, "import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=10)"]
      args: ["http://{{ .Release.Name }}:{{ .Values.service.port }}/readyz"]
      resources: {{- .Values.service.resources | toYaml | nindent 8 }}
{{- end }}
