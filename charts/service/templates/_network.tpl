{{- /* Who may ask the service, and whom it and its sidecar ask. What is not listed is refused, in both directions. */ -}}
{{- define "service.network" -}}
{{- if .Values.service.networkPolicy.enabled }}
{{- $port := .Values.service.port }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "service.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels: {{- include "service.tester" . | nindent 14 }}
        {{- with .Values.service.networkPolicy.from }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {port: {{ $port }}, protocol: TCP}
    {{- with .Values.service.networkPolicy.scrapers }}
    - from: {{- toYaml . | nindent 8 }}
      ports:
        - {port: {{ $port }}, protocol: TCP}
        # The sidecar's own metrics.
        - {port: 9090, protocol: TCP}
    {{- end }}
  egress:
    {{- include "service.names" . | nindent 4 }}
    # Dapr's control plane: who the sidecar is, and what its components are.
    - to:
        - namespaceSelector:
            matchLabels: {kubernetes.io/metadata.name: dapr-system}
    {{- with .Values.service.networkPolicy.to }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .Release.Name }}-test
  labels: {{- include "service.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "service.tester" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "service.names" . | nindent 4 }}
    - to:
        - podSelector:
            matchLabels: {{- include "service.selector" . | nindent 14 }}
      ports:
        - {port: {{ $port }}, protocol: TCP}
{{- end }}
{{- end }}

{{- define "service.names" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
      podSelector:
        matchLabels: {k8s-app: kube-dns}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- /* The pod of `helm test`. Not the selector's labels: the Service must not find it. */ -}}
{{- define "service.tester" -}}
{{ include "service.family" . }}
app.kubernetes.io/component: test-of-{{ .Release.Name }}
{{- end }}
