{{/* Where services find each other. dns:/// names every pod behind a headless service, so that calls go to each in turn. */}}
{{- define "gapo.coordinatorAddress" -}}
{{ include "gapo.fullname" . }}-coordinator-headless:50050
{{- end -}}

{{/* Input: root, component, port. */}}
{{- define "gapo.headlessTarget" -}}
dns:///{{ include "gapo.fullname" .root }}-{{ .component }}-headless:{{ .port }}
{{- end -}}

{{- define "gapo.rewardPort" -}}
{{ .port | default 50061 }}
{{- end -}}

{{/* objective=target,objective=target for REWARD_SERVICES; names and objectives come once each. */}}
{{- define "gapo.rewardServices" -}}
{{- $names := dict -}}
{{- $objectives := dict -}}
{{- $entries := list -}}
{{- range .Values.rewards -}}
{{- $objective := .objective | default .name -}}
{{- if hasKey $names .name }}{{ fail (printf "rewards: the name %q comes twice; give each reward its own name" .name) }}{{ end -}}
{{- if hasKey $objectives $objective }}{{ fail (printf "rewards: the objective %q comes twice; give each reward its own objective" $objective) }}{{ end -}}
{{- $_ := set $names .name true -}}
{{- $_ := set $objectives $objective true -}}
{{- $target := include "gapo.headlessTarget" (dict "root" $ "component" (printf "reward-%s" .name) "port" (include "gapo.rewardPort" .)) -}}
{{- $entries = append $entries (printf "%s=%s" $objective $target) -}}
{{- end -}}
{{ join "," $entries }}
{{- end -}}
