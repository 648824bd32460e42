{{/*
Every connection that the release makes, and no other: which component calls which, at which port. The NetworkPolicies are made of this list.

An edge is { from, to, port }. Beside components there are these ends:
  reward    every reward
  test      the pod of `helm test`
  dns       the cluster's name servers
  outside   what is not of this release, or of the peers that the edge has; its port may be any
An edge to rewards whose port is that of every one has `every`.
*/}}
{{- define "gapo.edges" -}}
- { from: coordinator, to: rollout, port: 50051 }
- { from: coordinator, to: gradient, port: 50052 }
{{- if ne (include "gapo.gradientKind" .) "Deployment" }}
{{- /* PyTorch's processes listen on ports that the system chooses. */}}
- { from: gradient, to: gradient, port: any }
{{- end }}
{{- range include "gapo.rewardPorts" . | fromJsonArray }}
- { from: coordinator, to: reward, port: {{ . }} }
{{- end }}
{{- if include "gapo.rewardServices.enabled" . }}
{{- /* RewardServices come and go, with ports of their own. */}}
- { from: coordinator, to: reward, port: any }
{{- end }}
- { from: rollout, to: coordinator, port: 50050 }
- { from: gradient, to: coordinator, port: 50050 }
- { from: gateway, to: coordinator, port: 50050 }
{{- if .Values.cli.enabled }}
- { from: cli, to: coordinator, port: 50050 }
- { from: cli, to: dns, port: 53 }
{{- end }}
{{- if .Values.operator.enabled }}
- { from: operator, to: coordinator, port: 50050 }
- { from: operator, to: dns, port: 53 }
{{- range .Values.operator.apiServer.ports }}
- { from: operator, to: outside, port: {{ . }}, peers: {{ toJson $.Values.operator.apiServer.to }} }
{{- end }}
{{- end }}
{{- if .Values.metrics.enabled }}
{{- range without (list "coordinator" "rollout" "gradient" "gateway" "reward" "operator") (ternary "gradient" "" (eq (include "gapo.pytorch" .) "true")) }}
- { from: outside, to: {{ . }}, port: {{ $.Values.metrics.port }}, peers: {{ toJson $.Values.metrics.from }}, every: true }
{{- end }}
{{- end }}
- { from: test, to: gateway, port: 8080 }
{{- range list "coordinator" "rollout" "gradient" "gateway" "reward" "test" }}
- { from: {{ . }}, to: dns, port: 53 }
{{- end }}
{{- if include "gapo.natsServer" . }}
- { from: coordinator, to: nats, port: 4222 }
- { from: gateway, to: nats, port: 4222 }
{{- end }}
{{- /* Clients from outside. */}}
{{- $policy := .Values.networkPolicy }}
{{- $exposed := or .Values.ingress.enabled .Values.httpRoute.enabled (ne .Values.gateway.service.type "ClusterIP") }}
{{- if or $exposed $policy.gatewayFrom }}
- { from: outside, to: gateway, port: 8080, peers: {{ toJson $policy.gatewayFrom }} }
{{- end }}
{{- if or .Values.grpcRoute.enabled (ne .Values.coordinator.service.type "ClusterIP") $policy.coordinatorFrom }}
- { from: outside, to: coordinator, port: 50050, peers: {{ toJson $policy.coordinatorFrom }} }
{{- end }}
{{- /* Servers outside. */}}
{{- range $url := splitList "," .Values.natsUrl }}
{{- if $url }}
{{- range list "coordinator" "gateway" }}
- { from: {{ . }}, to: outside, port: {{ include "gapo.portOf" (dict "url" $url "default" 4222) }} }
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.nats.urlSecret.name }}
- { from: coordinator, to: outside, port: 4222 }
- { from: gateway, to: outside, port: 4222 }
{{- end }}
{{- with .Values.otlpEndpoint }}
{{- $port := include "gapo.portOf" (dict "url" .) }}
{{- range list "coordinator" "rollout" "gradient" "gateway" "reward" "operator" }}
- { from: {{ . }}, to: outside, port: {{ $port }} }
{{- end }}
{{- end }}
{{- $store := .Values.coordinator.checkpointStore }}
{{- if hasPrefix "s3://" ($store.url | default "") }}
- { from: coordinator, to: outside, port: {{ include "gapo.portOf" (dict "url" ($store.endpoint | default "https://")) }} }
{{- end }}
{{- with .Values.coordinator.mlflow.url }}
- { from: coordinator, to: outside, port: {{ include "gapo.portOf" (dict "url" .) }} }
{{- end }}
{{- with .Values.access.oidc.issuer }}
- { from: coordinator, to: outside, port: {{ include "gapo.portOf" (dict "url" .) }} }
{{- end }}
{{- if include "gapo.engine" . }}
{{- range .Values.rollout.engine.urls }}
- { from: rollout, to: outside, port: {{ include "gapo.portOf" (dict "url" .) }}, peers: {{ toJson $.Values.rollout.engine.to }} }
{{- end }}
{{- end }}
{{- /* Reward services of others, by their ports. */}}
{{- range .Values.coordinator.rewardAllow }}
- { from: coordinator, to: outside, port: {{ regexFind "[0-9]+$" . | default 50061 }} }
{{- end }}
{{- range $reward := .Values.rewards }}
{{- if has $reward.kind (list "http" "oip" "custom") }}
- { from: reward-{{ $reward.name }}, to: outside, port: any }
{{- end }}
{{- end }}
{{- /* Init containers that download. */}}
{{- range include "gapo.sources" . | fromYamlArray }}
{{- $download := .source.download | default dict }}
{{- if $download.url }}
{{- $port := include "gapo.portOf" (dict "url" (ternary ($download.endpoint | default "https://") $download.url (hasPrefix "s3://" $download.url))) }}
{{- range list "coordinator" "rollout" "gradient" "reward" "cli" }}
- { from: {{ . }}, to: outside, port: {{ $port }} }
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Ports of the rewards, as JSON. That of most is there always, so that another reward changes no other component. Input: the root. */}}
{{- define "gapo.rewardPorts" -}}
{{- $ports := list (include "gapo.rewardPort" dict | int) -}}
{{- range .Values.rewards }}{{ $ports = append $ports (include "gapo.rewardPort" . | int) }}{{ end -}}
{{ $ports | uniq | toJson }}
{{- end -}}

{{/* The port of a URL. Input: url, default (where the scheme has none). */}}
{{- define "gapo.portOf" -}}
{{- $url := urlParse .url -}}
{{- $byScheme := dict "http" 80 "https" 443 -}}
{{ regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (get $byScheme $url.scheme) | default .default }}
{{- end -}}
