{{/* Where NATS is and how to log in to it: the chart's own server, unless natsUrl or nats.urlSecret names another. */}}

{{/* Whether this release has a NATS server: "true" or nothing. */}}
{{- define "gapo.natsServer" -}}
{{- $nats := .Values.nats -}}
{{- if and .Values.natsUrl $nats.urlSecret.name }}{{ fail "nats.urlSecret: set it or natsUrl, not both" }}{{ end -}}
{{- $elsewhere := or .Values.natsUrl $nats.urlSecret.name -}}
{{- if and $nats.keys (not $nats.secret) }}{{ fail "nats.keys: set nats.secret too" }}{{ end -}}
{{- if and (not $elsewhere) (or $nats.secret $nats.keys) }}{{ fail "nats.secret and nats.keys log in to a server of yours: set natsUrl too" }}{{ end -}}
{{- if and $nats.env (not $elsewhere) (not $nats.server.enabled) }}{{ fail "nats.env: set natsUrl too, or nats.server.enabled" }}{{ end -}}
{{- if and $nats.server.enabled (not $elsewhere) }}true{{ end -}}
{{- end -}}

{{/* Whether services publish and read events at all. */}}
{{- define "gapo.events" -}}
{{- if or (include "gapo.natsServer" .) .Values.natsUrl .Values.nats.urlSecret.name }}true{{ end -}}
{{- end -}}

{{- define "gapo.natsEnv" -}}
{{- $nats := .Values.nats }}
{{- if include "gapo.natsServer" . }}
{{- $tls := eq (include "gapo.tls" .) "true" }}
- name: NATS_URL
  value: {{ ternary "tls" "nats" $tls }}://{{ include "gapo.natsAddress" . }}
{{- if $tls }}
- name: NATS_CA
  value: /etc/gapo/tls/ca.crt
- name: NATS_CERT
  value: /etc/gapo/tls/tls.crt
- name: NATS_KEY
  value: /etc/gapo/tls/tls.key
{{- end }}
{{- else if .Values.natsUrl }}
- name: NATS_URL
  value: {{ .Values.natsUrl | quote }}
{{- else if $nats.urlSecret.name }}
- name: NATS_URL
  valueFrom:
    secretKeyRef: { name: {{ $nats.urlSecret.name | quote }}, key: {{ $nats.urlSecret.key | quote }} }
{{- end }}
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
