{{/* The prefix of every object: the release, with the chart's name unless it has it. Cut so that the longest name,
     PREFIX-reward-NAME-headless, stays a DNS label. */}}
{{- define "gapo.fullname" -}}
{{- $given := .Values.fullnameOverride -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- $given | default $name | trunc 24 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects all pods of the release. Input: the root. */}}
{{- define "gapo.release" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What selects a component's pods. Input: root, component. */}}
{{- define "gapo.selector" -}}
{{ include "gapo.release" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* All labels of an object. Input: root, component. */}}
{{- define "gapo.labels" -}}
{{ include "gapo.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An object's metadata. Input: root, component, name, annotations (optional). */}}
{{- define "gapo.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "gapo.labels" . | nindent 2 }}
{{- with merge dict (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
