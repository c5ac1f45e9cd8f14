{{- define "service.deployment" -}}
{{- $chart := .chart }}
{{- with $chart.Values.service -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $chart.Release.Name }}
  labels: {{- include "service.labels" $chart | nindent 4 }}
spec:
  {{- if not .autoscaling }}
  replicas: {{ .replicas }}
  {{- end }}
  strategy:
    type: {{ .strategy | default "RollingUpdate" }}
  selector:
    matchLabels: {{- include "service.selector" $chart | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "service.selector" $chart | nindent 8 }}
        {{- include "service.family" $chart | nindent 8 }}
        {{- with .podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: {{ $chart.Release.Name }}
        {{- include "service.dapr" $chart | nindent 8 }}
        {{- with $.files }}
        # What changes here is read by new pods.
        checksum/files: {{ toYaml . | sha256sum }}
        {{- end }}
        {{- with .podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ $chart.Release.Name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- $needed := add .drainSeconds .shutdownSeconds .dapr.gracefulShutdownSeconds }}
      {{- if ge $needed (int64 .terminationGracePeriodSeconds) }}
      {{- printf "service.terminationGracePeriodSeconds is %v, and must be more than drainSeconds + shutdownSeconds + dapr.gracefulShutdownSeconds, which are %d: else the sidecar is killed with work in hand" .terminationGracePeriodSeconds $needed | fail }}
      {{- end }}
      terminationGracePeriodSeconds: {{ .terminationGracePeriodSeconds }}
      {{- include "service.placement" $chart | nindent 6 }}
      {{- with .affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- $ours := dict "labelSelector" (dict "matchLabels" (include "service.selector" $chart | fromYaml)) }}
        {{- range . }}
        - {{- merge (dict) . (hasKey . "labelSelector" | ternary (dict) $ours) | toYaml | nindent 10 }}
        {{- end }}
      {{- end }}
      securityContext: {{- include "service.podSecurity" $chart | nindent 8 }}
      {{- with .dapr.broker }}
      {{- $address := . | replace ":" "/" }}
      initContainers:
        - name: network
          image: {{ include "service.image" $chart }}
          imagePullPolicy: {{ $chart.Values.service.image.pullPolicy }}
          securityContext: {{- include "service.security" $chart | nindent 12 }}
          command:
            - bash
            - -c
            - |
              while ((SECONDS < 10)); do
                timeout 1 bash -c ': < /dev/tcp/{{ $address }}' 2> /dev/null && exit
                sleep 0.2
              done
              echo "{{ . }} takes no connection: this begins without it"
          resources: {{- $chart.Values.service.resources | toYaml | nindent 12 }}
      {{- end }}
      containers:
        - name: {{ $chart.Release.Name }}
          image: {{ include "service.image" $chart }}
          imagePullPolicy: {{ .image.pullPolicy }}
          securityContext: {{- include "service.security" $chart | nindent 12 }}
          env:
            - name: APP_API_TOKEN
              valueFrom:
                secretKeyRef: {name: {{ include "service.token" $chart }}, key: token}
            {{- include "service.env" $.settings | trim | nindent 12 }}
            {{- range .extraEnv }}
            {{- if or (hasKey $.settings .name) (eq .name "APP_API_TOKEN") }}
            {{- fail (printf "service.extraEnv: %s is set by the chart itself" .name) }}
            {{- end }}
            - {{- toYaml . | nindent 14 }}
            {{- end }}
          ports:
            - name: http
              containerPort: {{ .port }}
          # A minute to come up on a busy machine; only then is a silent service a dead one.
          startupProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 10
            timeoutSeconds: 3
          readinessProbe:
            httpGet: {path: /readyz, port: http}
            periodSeconds: 2
            timeoutSeconds: 2
          lifecycle:
            preStop:
              sleep:
                seconds: {{ .drainSeconds }}
          resources: {{- .resources | toYaml | nindent 12 }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            {{- if $.files }}
            - name: files
              mountPath: /files
              readOnly: true
            {{- end }}
            {{- range $path, $size := .claims }}
            - name: {{ include "service.volume" $path }}
              mountPath: {{ $path }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir:
            medium: Memory
            sizeLimit: {{ .tmpSize }}
        {{- if $.files }}
        - name: files
          configMap: {name: {{ $chart.Release.Name }}-files}
        {{- end }}
        {{- range $path, $size := .claims }}
        - name: {{ include "service.volume" $path }}
          persistentVolumeClaim:
            claimName: {{ include "service.claim" (list $chart $path) }}
        {{- end }}
{{- end }}
{{- end }}

{{- define "service.env" -}}
{{- range $name, $value := . }}
{{- with $value }}
- name: {{ $name }}
  {{- if kindIs "map" . }}
  valueFrom:
    secretKeyRef: {{- toYaml . | nindent 6 }}
  {{- else }}
  value: {{ . | toString | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
