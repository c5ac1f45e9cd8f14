{{- define "service.scaling" -}}
{{- with .Values.service.autoscaling }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $.Release.Name }}
  labels: {{- include "service.labels" $ | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ $.Release.Name }}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    # Of the service's container alone: the sidecar has a request of its own.
    - type: ContainerResource
      containerResource:
        name: cpu
        container: {{ $.Release.Name }}
        target: {type: Utilization, averageUtilization: {{ .cpu }}}
{{- end }}
{{- with .Values.service.disruptionBudget }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $.Release.Name }}
  labels: {{- include "service.labels" $ | nindent 4 }}
spec:
  {{- toYaml . | nindent 2 }}
  selector:
    matchLabels: {{- include "service.selector" $ | nindent 6 }}
{{- end }}
{{- end }}
