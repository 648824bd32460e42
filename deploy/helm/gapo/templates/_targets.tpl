{{/* Where services find each other: the coordinator and NATS by the addresses of their Services, the others by those of every pod. */}}
{{- define "gapo.coordinatorAddress" -}}
{{ include "gapo.fullname" . }}-coordinator:{{ .Values.coordinator.service.port }}
{{- end -}}

{{- define "gapo.natsAddress" -}}
{{ include "gapo.fullname" . }}-nats:4222
{{- end -}}

{{/* Names from outside of the cluster that the web page is asked by, as JSON: those of its routes and those that are given. */}}
{{- define "gapo.outsideHosts" -}}
{{- $hosts := .Values.gateway.allowedHosts | default list -}}
{{- if .Values.ingress.enabled }}{{ range .Values.ingress.hosts }}{{ $hosts = append $hosts . }}{{ end }}{{ end -}}
{{- if .Values.httpRoute.enabled }}{{ range .Values.httpRoute.hostnames }}{{ $hosts = append $hosts . }}{{ end }}{{ end -}}
{{ $hosts | uniq | toJson }}
{{- end -}}

{{/* Names by which clients outside of the cluster reach the coordinator, as JSON. */}}
{{- define "gapo.coordinatorNames" -}}
{{- $routed := ternary .Values.grpcRoute.hostnames list .Values.grpcRoute.enabled -}}
{{ concat (.Values.tls.coordinatorNames | default list) ($routed | default list) | uniq | toJson }}
{{- end -}}

{{/* All names that the web page is asked by: those of its Service, and those from outside. */}}
{{- define "gapo.gatewayHosts" -}}
{{- $name := printf "%s-gateway" (include "gapo.fullname" .) -}}
{{- $service := printf "%s.%s" $name .Release.Namespace -}}
{{ join "," (concat (list $name $service (printf "%s.svc" $service) (printf "%s.svc.cluster.local" $service)) (include "gapo.outsideHosts" . | fromJsonArray)) }}
{{- end -}}

{{/* Names every pod behind a headless Service, so that calls go to each in turn. Input: root, component, port. */}}
{{- define "gapo.headlessTarget" -}}
dns:///{{ include "gapo.fullname" .root }}-{{ .component }}-headless:{{ .port }}
{{- end -}}

{{- define "gapo.rewardPort" -}}
{{ .port | default 50061 }}
{{- end -}}

{{/*
REWARD_SERVICES: a rule for all rewards of the list, so that another entry changes nothing of the coordinator, and objective=target
for those that the rule does not fit. Names and objectives come once each.
*/}}
{{- define "gapo.rewardServices" -}}
{{- $names := dict -}}
{{- $objectives := dict -}}
{{- $entries := list -}}
{{- range .Values.rewards -}}
{{- $objective := .objective | default .name -}}
{{- if hasKey $names .name }}{{ fail (printf "rewards: the name %q is used twice; give each reward its own name" .name) }}{{ end -}}
{{- if hasKey $objectives $objective }}{{ fail (printf "rewards: the objective %q is used twice; give each reward its own objective" $objective) }}{{ end -}}
{{- $_ := set $names .name true -}}
{{- $_ := set $objectives $objective true -}}
{{- $port := include "gapo.rewardPort" . -}}
{{- if or (ne $objective .name) (ne $port (include "gapo.rewardPort" dict)) -}}
{{- $target := include "gapo.headlessTarget" (dict "root" $ "component" (printf "reward-%s" .name) "port" $port) -}}
{{- $entries = append $entries (printf "%s=%s" $objective $target) -}}
{{- end -}}
{{- end -}}
{{- $rule := include "gapo.headlessTarget" (dict "root" $ "component" "reward-*" "port" (include "gapo.rewardPort" dict)) -}}
{{- $entries = append $entries (printf "*=%s" $rule) -}}
{{ join "," $entries }}
{{- end -}}
