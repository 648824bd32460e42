{{/* An image of the platform: REGISTRY/PREFIX-SERVICE:TAG, or @DIGEST. Input: root, service, values (optional: those of its component). */}}
{{- define "gapo.image" -}}
{{- $image := .root.Values.image -}}
{{- $variant := (.values | default dict).variant -}}
{{- $service := ternary (printf "%s-%s" .service $variant) .service (not (empty $variant)) -}}
{{- $registry := .root.Values.global.imageRegistry | default $image.registry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.prefix }}-{{ $service }}
{{- with get ($image.digests | default dict) $service }}@{{ . }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end -}}

{{/* An image of others, from the registry of global.imageRegistry where that is set: its own registry is replaced. Input: root, image. */}}
{{- define "gapo.otherImage" -}}
{{- $registry := .root.Values.global.imageRegistry -}}
{{- $parts := splitList "/" .image -}}
{{- $first := first $parts -}}
{{- $named := and (gt (len $parts) 1) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ ternary (rest $parts) $parts $named | join "/" }}{{ else }}{{ .image }}{{ end -}}
{{- end -}}
