{{/* The address for scrapers. */}}
{{- define "gapo.metricsEnv" -}}
- name: LISTEN_METRICS
  value: 0.0.0.0:{{ .Values.metrics.port }}
{{- end -}}

{{/*
Variables of a container, each name once: a variable that the values give replaces the chart's, and of two given ones the last counts.
Server-side apply refuses a name that comes twice. Input: own (YAML), given (a list).
*/}}
{{- define "gapo.env" -}}
{{- $last := dict -}}
{{- range .given }}{{ $_ := set $last .name . }}{{ end -}}
{{- $env := list -}}
{{- range .own | default "[]" | fromYamlArray }}
{{- if not (hasKey $last .name) }}{{ $env = append $env . }}{{ end }}
{{- end }}
{{- range .given }}
{{- if hasKey $last .name }}{{ $env = append $env (get $last .name) }}{{ $_ := unset $last .name }}{{ end }}
{{- end }}
{{- toYaml $env }}
{{- end -}}

{{/* Variables that every service of the platform knows. */}}
{{- define "gapo.commonEnv" -}}
- name: LOG_LEVEL
  value: {{ .Values.logLevel | quote }}
{{- with .Values.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.otlpHeadersSecret }}
{{- if .name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: { name: {{ .name | quote }}, key: {{ required "otlpHeadersSecret.key is needed with otlpHeadersSecret.name" .key | quote }} }
{{- end }}
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

{{/* The MLflow server that records the coordinator's runs. */}}
{{- define "gapo.mlflowEnv" -}}
{{- if .url }}
- name: MLFLOW_TRACKING_URI
  value: {{ .url | quote }}
- name: MLFLOW_EXPERIMENT_NAME
  value: {{ .experiment | quote }}
{{- $secret := .existingSecret }}
{{- if $secret }}
{{- range list "MLFLOW_TRACKING_TOKEN" "MLFLOW_TRACKING_USERNAME" "MLFLOW_TRACKING_PASSWORD" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: { name: {{ $secret | quote }}, key: {{ . }}, optional: true }
{{- end }}
{{- end }}
{{- else if .existingSecret }}{{ fail "coordinator.mlflow: set url too" }}
{{- end }}
{{- end -}}
