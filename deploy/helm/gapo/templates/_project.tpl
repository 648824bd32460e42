{{/*
The files that runs and rewards name: the project, and each entry of `models`. A source is a claim, an image that is mounted as a
volume, or a download into a volume of the pod.
*/}}

{{/* The sources, as a list of { volume, mountPath, source }. */}}
{{- define "gapo.sources" -}}
{{- $sources := list (dict "volume" "project" "mountPath" .Values.project.mountPath "source" .Values.project) -}}
{{- $paths := dict .Values.project.mountPath "project" -}}
{{- $names := dict -}}
{{- range .Values.models -}}
{{- if hasKey $names .name }}{{ fail (printf "models: the name %q is used twice; give each its own name" .name) }}{{ end -}}
{{- if hasKey $paths .mountPath }}{{ fail (printf "models: %s: mountPath %s is that of %s too; choose another" .name .mountPath (get $paths .mountPath)) }}{{ end -}}
{{- $_ := set $names .name true -}}
{{- $_ := set $paths .mountPath .name -}}
{{- $sources = append $sources (dict "volume" (printf "model-%s" .name) "mountPath" .mountPath "source" .) -}}
{{- end -}}
{{ toYaml $sources }}
{{- end -}}

{{/* Which kind a source is: claim, download or image. Input: root, volume, source. */}}
{{- define "gapo.sourceKind" -}}
{{- $source := .source -}}
{{- $kinds := list -}}
{{- if $source.existingClaim }}{{ $kinds = append $kinds "existingClaim" }}{{ end -}}
{{- if $source.image }}{{ $kinds = append $kinds "image" }}{{ end -}}
{{- if ($source.download | default dict).url }}{{ $kinds = append $kinds "download.url" }}{{ end -}}
{{- $where := ternary "project" (printf "models: %s" ($source.name | default "")) (eq .volume "project") -}}
{{- if gt (len $kinds) 1 }}{{ fail (printf "%s: set one of %s, not both" $where (join " and " $kinds)) }}{{ end -}}
{{- if and (empty $kinds) (ne .volume "project") }}{{ fail (printf "%s: set existingClaim, image or download.url" $where) }}{{ end -}}
{{ first (append $kinds "image") }}
{{- end -}}

{{- define "gapo.projectMounts" -}}
{{- range include "gapo.sources" . | fromYamlArray }}
- name: {{ .volume }}
  mountPath: {{ .mountPath | quote }}
  {{- with .source.subPath }}
  subPath: {{ . | quote }}
  {{- end }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "gapo.projectVolumes" -}}
{{- $root := . }}
{{- range include "gapo.sources" . | fromYamlArray }}
{{- $kind := include "gapo.sourceKind" (merge (dict "root" $root) .) }}
- name: {{ .volume }}
  {{- if eq $kind "existingClaim" }}
  persistentVolumeClaim:
    claimName: {{ .source.existingClaim | quote }}
    readOnly: true
  {{- else if eq $kind "download.url" }}
  emptyDir:
    sizeLimit: {{ .source.download.sizeLimit | default "10Gi" | quote }}
  {{- else }}
  {{- include "gapo.requireImageVolumes" $root }}
  {{- $own := include "gapo.image" (dict "root" $root "service" "example") }}
  image:
    reference: {{ empty .source.image | ternary $own (include "gapo.otherImage" (dict "root" $root "image" .source.image)) | quote }}
    pullPolicy: {{ $root.Values.image.pullPolicy }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* An API server below 1.35 drops image volumes in silence, and the pods would start without their files. */}}
{{- define "gapo.requireImageVolumes" -}}
{{- if not (or .Values.project.imageVolumes (semverCompare ">=1.35.0-0" .Capabilities.KubeVersion.Version)) -}}
{{- fail (printf "this cluster has Kubernetes %s, and mounting an image as a volume needs 1.35: set project.existingClaim or project.download.url (and likewise in models), or project.imageVolumes=true where the feature ImageVolume is switched on" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}

{{/* Init containers that download sources. Input: as that of gapo.podTemplate. */}}
{{- define "gapo.downloads" -}}
{{- $root := .root }}
{{- $wanted := ternary (include "gapo.sources" .root | fromYamlArray) list (eq (toString .project) "true") }}
{{- range $wanted }}
{{- $download := .source.download | default dict }}
{{- if $download.url }}
{{- $s3 := hasPrefix "s3://" $download.url }}
{{- $image := $download.image | default (ternary $root.Values.downloads.s3Image $root.Values.downloads.httpImage $s3) }}
- name: download-{{ .volume }}
  image: {{ include "gapo.otherImage" (dict "root" $root "image" $image) | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  {{- include "gapo.containerSecurity" $root | nindent 2 }}
  {{- if $s3 }}
  command: [aws, s3, sync, --only-show-errors, {{ $download.url | quote }}, /download]
  {{- else }}
  command:
    - /bin/sh
    - -euc
    - |
      curl --fail --silent --show-error --location --retry 5 --output /download/.archive ${DOWNLOAD_TOKEN:+--header "authorization: Bearer $DOWNLOAD_TOKEN"} "$DOWNLOAD_URL"
      if [ -n "$DOWNLOAD_SHA256" ]; then echo "$DOWNLOAD_SHA256  /download/.archive" | sha256sum -c -; fi
      tar -xf /download/.archive -C /download
      rm /download/.archive
  {{- end }}
  env:
    - name: HOME
      value: /tmp
    {{- if $s3 }}
    {{- with $download.endpoint }}
    - name: AWS_ENDPOINT_URL_S3
      value: {{ . | quote }}
    {{- end }}
    {{- with $download.region }}
    - name: AWS_REGION
      value: {{ . | quote }}
    {{- end }}
    {{- else }}
    - name: DOWNLOAD_URL
      value: {{ $download.url | quote }}
    - name: DOWNLOAD_SHA256
      value: {{ $download.sha256 | default "" | quote }}
    {{- end }}
  {{- with $download.secret }}
  envFrom:
    - secretRef: { name: {{ . | quote }} }
  {{- end }}
  resources:
    {{- toYaml $root.Values.downloads.resources | nindent 4 }}
  volumeMounts:
    - name: {{ .volume }}
      mountPath: /download
    - name: tmp
      mountPath: /tmp
{{- end }}
{{- end }}
{{- end -}}

{{/* A path below the project's mount, unless it is absolute. Input: root, path. */}}
{{- define "gapo.projectPath" -}}
{{- if hasPrefix "/" .path }}{{ .path }}{{ else }}{{ trimSuffix "/" .root.Values.project.mountPath }}/{{ .path }}{{ end -}}
{{- end -}}
