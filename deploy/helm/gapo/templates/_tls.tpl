{{/* Mutual TLS: the certificate of each component, where its pods find it, and how probes reach them all the same. */}}

{{/* The mode, which has no default. */}}
{{- define "gapo.tlsMode" -}}
{{- $mode := .Values.tls.mode -}}
{{- if not $mode }}
{{- fail "tls.mode: choose how the services are secured: certManager (cert-manager makes a certificate for each; it must be in the cluster), secrets (Secrets with certificates exist), or insecure (everyone in the cluster's network can read and change the runs)" }}
{{- end -}}
{{- if and (ne $mode "certManager") .Values.tls.issuerRef }}{{ fail "tls.issuerRef: set tls.mode to certManager too" }}{{ end -}}
{{ $mode }}
{{- end -}}

{{/* Whether services use TLS: "true" or nothing. */}}
{{- define "gapo.tls" -}}
{{- if ne (include "gapo.tlsMode" .) "insecure" }}true{{ end -}}
{{- end -}}

{{- define "gapo.trustDomain" -}}
{{ .Values.tls.trustDomain | default (printf "%s.%s" (include "gapo.fullname" .) .Release.Namespace) }}
{{- end -}}

{{/* The Secret with a component's certificate. Input: root, component. */}}
{{- define "gapo.tlsSecret" -}}
{{ include "gapo.fullname" .root }}-{{ .component }}-tls
{{- end -}}

{{/* Variables of a component's certificate. */}}
{{- define "gapo.tlsEnv" -}}
{{- if include "gapo.tls" . }}
- name: TLS_CERT_FILE
  value: /etc/gapo/tls/tls.crt
- name: TLS_KEY_FILE
  value: /etc/gapo/tls/tls.key
- name: TLS_CA_FILE
  value: /etc/gapo/tls/ca.crt
- name: TLS_TRUST_DOMAIN
  value: {{ include "gapo.trustDomain" . | quote }}
{{- else }}
- name: INSECURE
  value: "true"
{{- end }}
{{- end -}}

{{/* The address for probes, which speak no TLS. Health is all that it answers. */}}
{{- define "gapo.healthPort" -}}
50058
{{- end -}}

{{- define "gapo.healthEnv" -}}
- name: LISTEN_HEALTH
  value: 0.0.0.0:{{ include "gapo.healthPort" . }}
{{- end -}}

{{/* A component's certificate. Input: root, component, identity, names (a list), and services: the names of its Services. */}}
{{- define "gapo.certificate" -}}
{{- $tls := .root.Values.tls -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  {{- include "gapo.metadata" (merge (dict "name" (include "gapo.tlsSecret" .)) .) | nindent 2 }}
spec:
  secretName: {{ include "gapo.tlsSecret" . }}
  duration: {{ $tls.duration }}
  renewBefore: {{ $tls.renewBefore }}
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  usages: [digital signature, server auth, client auth]
  uris:
    - spiffe://{{ include "gapo.trustDomain" .root }}/{{ .identity }}
  dnsNames:
    - localhost
    {{- range .services }}
    - {{ . }}
    - {{ . }}.{{ $.root.Release.Namespace }}
    - {{ . }}.{{ $.root.Release.Namespace }}.svc
    - {{ . }}.{{ $.root.Release.Namespace }}.svc.cluster.local
    {{- end }}
    {{- range .names }}
    {{- /* allowedHosts also has addresses and patterns, which are no names of a certificate. */}}
    {{- if regexMatch "^([*][.])?[A-Za-z][A-Za-z0-9.-]*$" . }}
    - {{ . | quote }}
    {{- end }}
    {{- end }}
  issuerRef:
    {{- if $tls.issuerRef }}
    {{- toYaml $tls.issuerRef | nindent 4 }}
    {{- else }}
    name: {{ include "gapo.fullname" .root }}-ca
    kind: Issuer
    {{- end }}
{{- end -}}
