{{/* The prefix of every object: the release, with the chart's name unless it has it. Cut so that the longest name,
     PREFIX-reward-NAME-headless, stays a DNS label. */}}
{{- define "gapo.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 24 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects a component's pods. Input: root, component. */}}
{{- define "gapo.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* All labels of an object. Input: root, component. */}}
{{- define "gapo.labels" -}}
{{ include "gapo.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{/* An image of the platform. Input: root, service. */}}
{{- define "gapo.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.prefix }}-{{ .service }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}

{{/* A path below the project's mount, unless it is absolute. Input: root, path. */}}
{{- define "gapo.projectPath" -}}
{{- if hasPrefix "/" .path }}{{ .path }}{{ else }}{{ trimSuffix "/" .root.Values.project.mountPath }}/{{ .path }}{{ end -}}
{{- end -}}
