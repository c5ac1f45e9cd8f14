{{- /*
How the service is reached from outside the cluster, and watched. `routes` are the only paths that lead in:
a list of {path, type, methods}, of type Exact or PathPrefix (Kubernetes' Ingress: Exact or Prefix, any method).
*/ -}}
{{- define "service.outside" -}}
{{- $chart := .chart }}
{{- with $chart.Values.service.ingress }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ $chart.Release.Name }}
  labels: {{- include "service.labels" $chart | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .tlsSecret }}
  tls:
    - hosts: [{{ $chart.Values.service.ingress.host | quote }}]
      secretName: {{ . }}
  {{- end }}
  rules:
    - host: {{ .host | quote }}
      http:
        paths:
          {{- range $.routes }}
          - path: {{ .path }}
            pathType: {{ trimPrefix "Path" .type }}
            backend:
              service:
                name: {{ $chart.Release.Name }}
                port: {name: http}
          {{- end }}
{{- end }}
{{- with $chart.Values.service.httpRoute }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ $chart.Release.Name }}
  labels: {{- include "service.labels" $chart | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs: {{- toYaml .parentRefs | nindent 4 }}
  {{- with .hostnames }}
  hostnames: {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - matches:
        {{- range $route := $.routes }}
        {{- range .methods }}
        - path: {type: {{ $route.type }}, value: {{ $route.path }}}
          method: {{ . }}
        {{- end }}
        {{- end }}
      backendRefs:
        - name: {{ $chart.Release.Name }}
          port: {{ $chart.Values.service.port }}
{{- end }}
{{- with $chart.Values.service.podMonitor }}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ $chart.Release.Name }}
  labels:
    {{- include "service.labels" $chart | nindent 4 }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels: {{- include "service.selector" $chart | nindent 6 }}
  podMetricsEndpoints:
    - port: http
      path: /metrics
      {{- with .interval }}
      interval: {{ . }}
      {{- end }}
    # The name that Dapr's injector gives the sidecar's port.
    - port: dapr-metrics
      path: /
      {{- with .interval }}
      interval: {{ . }}
      {{- end }}
{{- end }}
{{- end }}
