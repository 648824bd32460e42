{{/* What all pods have in common: who they run as, what they may do, where they may run, and which volumes they see. */}}

{{/* Head of a pod's spec. Input: root, runAsUser (optional). */}}
{{- define "gapo.podHead" -}}
serviceAccountName: {{ include "gapo.fullname" .root }}
automountServiceAccountToken: false
{{- /* Kubernetes would put the addresses of all services into the environment. */}}
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .runAsUser | default 10001 | int64 }}
  runAsGroup: {{ .runAsUser | default 10001 | int64 }}
  fsGroup: {{ .runAsUser | default 10001 | int64 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{/* Where a pod may run. Input: a component's values. */}}
{{- define "gapo.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "gapo.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* gRPC health probes, on a port without TLS: two minutes to load models, then out of service at once, and ended after a minute without answer.
     Input: a port's number. */}}
{{- define "gapo.probes" -}}
startupProbe:
  grpc: { port: {{ . }} }
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 60
readinessProbe:
  grpc: { port: {{ . }} }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  grpc: { port: {{ . }} }
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
{{- end -}}

{{/* Variables that every service of the platform knows. */}}
{{- define "gapo.commonEnv" -}}
- name: LOG_LEVEL
  value: {{ .Values.logLevel | quote }}
{{- with .Values.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Where the coordinator's runs are copied to. */}}
{{- define "gapo.checkpointStoreEnv" -}}
{{- if .url }}
- name: CHECKPOINT_STORE
  value: {{ .url | quote }}
- name: CHECKPOINT_STORE_ADDRESSING
  value: {{ .addressing | quote }}
{{- with .endpoint }}
- name: AWS_ENDPOINT_URL_S3
  value: {{ . | quote }}
{{- end }}
{{- with .region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- $secret := .existingSecret }}
{{- if $secret }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: { name: {{ $secret | quote }}, key: {{ . }} }
{{- end }}
{{- end }}
{{- else if or .endpoint .region .existingSecret }}{{ fail "coordinator.checkpointStore: set url too" }}
{{- end }}
{{- end -}}

{{/* Where NATS is and how to log in: variables, and the secret's files. */}}
{{- define "gapo.natsEnv" -}}
{{- with .Values.natsUrl }}
- name: NATS_URL
  value: {{ . | quote }}
{{- end }}
{{- $nats := .Values.nats }}
{{- if and (not .Values.natsUrl) (or $nats.secret $nats.keys $nats.env) }}{{ fail "nats: set natsUrl too" }}{{ end }}
{{- if and $nats.keys (not $nats.secret) }}{{ fail "nats.keys: set nats.secret too" }}{{ end }}
{{- range $variable, $key := $nats.keys }}
- name: {{ $variable }}
  {{- if has $variable (list "NATS_USER" "NATS_PASSWORD") }}
  valueFrom:
    secretKeyRef: { name: {{ $nats.secret | quote }}, key: {{ $key | quote }} }
  {{- else }}
  value: {{ printf "/etc/gapo/nats/%s" $key | quote }}
  {{- end }}
{{- end }}
{{- range $variable, $value := $nats.env }}
- name: {{ $variable }}
  {{- /* Helm reads numbers as floats, and would write large integers with an exponent. */}}
  {{- if and (kindIs "float64" $value) (eq (floor $value) $value) }}
  value: {{ $value | int64 | quote }}
  {{- else }}
  value: {{ $value | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The secret's files, for NATS_CREDS and the like. They follow the secret, and are read at each connection. */}}
{{- define "gapo.natsMount" -}}
{{- if .Values.nats.secret }}
- name: nats
  mountPath: /etc/gapo/nats
  readOnly: true
{{- end }}
{{- end -}}

{{- define "gapo.natsVolume" -}}
{{- with .Values.nats.secret }}
- name: nats
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "gapo.mounts" -}}
- name: project
  mountPath: {{ .Values.project.mountPath | quote }}
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "gapo.volumes" -}}
{{- $project := .Values.project -}}
{{- if and $project.existingClaim $project.image }}{{ fail "project: set existingClaim or image, not both" }}{{ end -}}
- name: project
{{- if $project.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ $project.existingClaim | quote }}
    readOnly: true
{{- else }}
  image:
    reference: {{ $project.image | default (include "gapo.image" (dict "root" . "service" "example")) | quote }}
    pullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}
- name: tmp
  emptyDir: {}
{{- end -}}
