{{- /* Pod Security Standard "restricted", and no writable root file system on top. */ -}}
{{- define "service.podSecurity" -}}
runAsNonRoot: true
# Claims belong to the group the service runs as.
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "service.security" -}}
runAsUser: 10001
runAsGroup: 10001
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
