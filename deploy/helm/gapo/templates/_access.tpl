{{/* Bearer tokens and the OpenID provider of the coordinator's callers. Input: the root. */}}
{{- define "gapo.accessEnv" -}}
{{- with .Values.access }}
{{- if .tokensSecret }}
- name: TOKENS_FILE
  value: /etc/gapo/access/{{ .tokensKey }}
{{- end }}
{{- with .oidc }}
{{- if .issuer }}
- name: OIDC_ISSUER
  value: {{ .issuer | quote }}
- name: OIDC_AUDIENCE
  value: {{ required "access.oidc.audience is needed with access.oidc.issuer" .audience | quote }}
- name: OIDC_NAME_CLAIM
  value: {{ .nameClaim | quote }}
- name: OIDC_ROLES_CLAIM
  value: {{ .rolesClaim | quote }}
- name: OIDC_ROLES
  value: {{ join "," .roles | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "gapo.accessMount" -}}
{{- if .Values.access.tokensSecret }}
- name: access
  mountPath: /etc/gapo/access
  readOnly: true
{{- end }}
{{- end -}}

{{- define "gapo.accessVolume" -}}
{{- with .Values.access.tokensSecret }}
- name: access
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end -}}
