{{- /*
All that a service is, for a chart to include once:
  chart     the root context of that chart; its values hold this library's under `service`
  settings  environment variable -> value. An empty value is not passed: the service's own default
            holds. A map {name, key} is a reference to a Secret.
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
{{- include "service.network" .chart }}
{{- end }}

{{- define "service.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
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
