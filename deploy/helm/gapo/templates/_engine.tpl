{{/*
Servers of another engine that sample for the rollout workers: whether there are any, their variables, and the volume of the adapters.
*/}}

{{/* "true" where the rollout workers have servers sample. Input: the root. */}}
{{- define "gapo.engine" -}}
{{- $engine := .Values.rollout.engine -}}
{{- if eq $engine.name "native" }}
{{- if $engine.urls }}{{ fail "rollout.engine.urls: set rollout.engine.name to vllm or sglang too" }}{{ end -}}
{{- else -}}
{{- if not $engine.urls }}{{ fail (printf "rollout.engine.urls: name the servers of %s" $engine.name) }}{{ end -}}
{{- if not $engine.adapters.existingClaim }}{{ fail (printf "rollout.engine.adapters.existingClaim: name the claim that the servers of %s mount too" $engine.name) }}{{ end -}}
{{- if .Values.rollout.variant }}{{ fail (printf "rollout.variant: with engine.name %s the pods need no GPU; leave it out" $engine.name) }}{{ end -}}
true
{{- end -}}
{{- end -}}

{{/* Input: the values of rollout.engine. */}}
{{- define "gapo.engineEnv" -}}
- name: ENGINE
  value: {{ .name }}
- name: ENGINE_URLS
  value: {{ join "," .urls | quote }}
{{- with .model }}
- name: ENGINE_MODEL
  value: {{ . | quote }}
{{- end }}
- name: ENGINE_ADAPTER_DIR
  value: {{ .adapters.mountPath | quote }}
{{- with .adapters.serverPath }}
- name: ENGINE_ADAPTER_PATH
  value: {{ . | quote }}
{{- end }}
- name: ENGINE_ADAPTERS
  value: {{ .adapters.loaded | quote }}
- name: ENGINE_CONCURRENCY
  value: {{ .concurrency | quote }}
- name: ENGINE_TIMEOUT_SECONDS
  value: {{ .timeoutSeconds | quote }}
- name: ENGINE_LEASE_SECONDS
  value: {{ .leaseSeconds | quote }}
{{- with .tokenSecret }}
{{- if .name }}
- name: ENGINE_TOKEN_FILE
  value: /run/secrets/gapo/{{ required "rollout.engine.tokenSecret.key is needed with rollout.engine.tokenSecret.name" .key }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "gapo.engineMounts" -}}
- name: engine-adapters
  mountPath: {{ .adapters.mountPath | quote }}
  {{- with .adapters.subPath }}
  subPath: {{ . | quote }}
  {{- end }}
{{- if .tokenSecret.name }}
{{ include "gapo.tokenMount" .tokenSecret | trim }}
{{- end }}
{{- end -}}

{{- define "gapo.engineVolumes" -}}
- name: engine-adapters
  persistentVolumeClaim:
    claimName: {{ .adapters.existingClaim | quote }}
{{- if .tokenSecret.name }}
{{ include "gapo.tokenVolume" .tokenSecret | trim }}
{{- end }}
{{- end -}}
