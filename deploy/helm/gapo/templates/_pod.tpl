{{/*
A pod: who it runs as, what it may do, where it may run, when it ends and what it sees. The settings of `pods` hold for every
component; its own take precedence, and lists (env, volumes, init containers) follow those of `pods`.

Input, a dict:
  root       the root context
  component  labels the pod
  values     the component's values
  image      the container's image
  env        its variables, as YAML
  ports      its ports: a list of { name, port }
  probe      the port of the gRPC health probes; absent: none
  mounts     volume mounts besides /tmp, as YAML; absent: none
  volumes    volumes besides /tmp, as YAML; absent: none
  stop       seconds that it takes to stop after SIGTERM
  tls        whether it gets the certificate of its component
  certificate  the component whose certificate that is; absent: its own
  project    whether it sees the project and the models
  command    its command; absent: the image's
  account    its service account; absent: that of every pod
  api        whether it calls the Kubernetes API, by the token of its account
  runAsUser  its user; absent: that of podSecurity
  measured   whether it serves metrics, where they are on
  startSeconds  how long it may take to start; absent: two minutes
  probes     probes other than those of gRPC health, as YAML
  annotations, labels  more of both, as maps
*/}}
{{- define "gapo.podTemplate" -}}
{{- $root := .root -}}
{{- $pods := $root.Values.pods -}}
{{- $values := .values -}}
{{- $component := .component -}}
{{- $measured := and (.measured | default false) $root.Values.metrics.enabled -}}
{{- $tls := and .tls (eq (include "gapo.tls" $root) "true") -}}
metadata:
  labels:
    {{- include "gapo.labels" . | nindent 4 }}
    {{- with merge dict (.labels | default dict) ($values.podLabels | default dict) ($pods.labels | default dict) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with merge dict (.annotations | default dict) ($values.podAnnotations | default dict) ($pods.annotations | default dict) ($root.Values.commonAnnotations | default dict) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ .account | default (include "gapo.serviceAccount" $root) }}
  automountServiceAccountToken: {{ .api | default false }}
  {{- /* Kubernetes would put the addresses of all services into the environment. */}}
  enableServiceLinks: false
  {{- with concat ($root.Values.global.imagePullSecrets | default list) ($root.Values.imagePullSecrets | default list) }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "gapo.podSecurity" . | nindent 2 }}
  {{- with $values.priorityClassName | default $pods.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with $values.runtimeClassName | default $pods.runtimeClassName }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" }}
  {{- with get $values $key | default (get $pods $key) }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with $values.topologySpreadConstraints | default $pods.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $own := dict "labelSelector" (dict "matchLabels" (include "gapo.selector" $ | fromYaml)) }}
    {{- list (merge dict . $own) | toYaml | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- /* New calls stop when no name server gives the pod's address any more; then SIGTERM ends it. */}}
  {{- $wait := $values.preStopSeconds | default 0 | int }}
  terminationGracePeriodSeconds: {{ add $wait .stop }}
  {{- $init := concat (include "gapo.downloads" . | fromYamlArray) ($pods.initContainers | default list) ($values.initContainers | default list) }}
  {{- with $init }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .container | default .component }}
      image: {{ .image | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- include "gapo.containerSecurity" $root | nindent 6 }}
      {{- with .command }}
      command:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- $env := concat ($pods.env | default list) ($values.env | default list) }}
      {{- $own := ternary (printf "%s\n%s" (.env | default "") (include "gapo.metricsEnv" $root)) .env $measured }}
      {{- with include "gapo.env" (dict "own" $own "given" $env) | fromYamlArray }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with concat ($pods.envFrom | default list) ($values.envFrom | default list) }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with ternary (append (.ports | default list) (dict "name" "metrics" "port" $root.Values.metrics.port)) .ports $measured }}
      ports:
        {{- $taken := dict }}
        {{- range . }}
        {{- $port := toString .port }}
        {{- if hasKey $taken $port }}{{ fail (printf "%s: port %s would be that of %s and of %s; choose another" $component $port (get $taken $port) .name) }}{{ end }}
        {{- $_ := set $taken $port .name }}
        - name: {{ .name }}
          containerPort: {{ $port }}
        {{- end }}
      {{- end }}
      {{- if .probe }}
      {{- include "gapo.probes" (dict "port" .probe "startSeconds" (.startSeconds | default 120)) | nindent 6 }}
      {{- end }}
      {{- with .probes }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- if $wait }}
      lifecycle:
        preStop:
          sleep: { seconds: {{ $wait }} }
      {{- end }}
      {{- with $values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if .project }}{{ include "gapo.projectMounts" $root | trim | nindent 8 }}{{ end }}
        {{- if $tls }}
        {{- /* The files follow the Secret, and are read again while the service runs. */}}
        - name: tls
          mountPath: /etc/gapo/tls
          readOnly: true
        {{- end }}
        {{- with .mounts }}{{ . | trim | nindent 8 }}{{ end }}
        {{- with concat ($pods.volumeMounts | default list) ($values.volumeMounts | default list) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with $values.containers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: {{ $values.tmpSize | default "256Mi" | quote }}
    {{- if .project }}{{ include "gapo.projectVolumes" $root | trim | nindent 4 }}{{ end }}
    {{- if $tls }}
    - name: tls
      secret:
        secretName: {{ include "gapo.tlsSecret" (dict "root" $root "component" (.certificate | default .component)) }}
        defaultMode: 0440
    {{- end }}
    {{- with .volumes }}{{ . | trim | nindent 4 }}{{ end }}
    {{- with concat ($pods.volumes | default list) ($values.volumes | default list) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* The pod's user. Input: root, runAsUser (optional). Where podSecurity leaves one out, the cluster assigns it. */}}
{{- define "gapo.podSecurity" -}}
{{- $security := .root.Values.podSecurity | default dict -}}
securityContext:
  runAsNonRoot: true
  {{- range $key := list "runAsUser" "runAsGroup" "fsGroup" }}
  {{- with $.runAsUser | default (get $security $key) }}
  {{ $key }}: {{ . | int64 }}
  {{- end }}
  {{- end }}
  {{- if or .runAsUser $security.fsGroup }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "gapo.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* gRPC health probes, on a port without TLS: some time to start, then out of service at once, and ended after a minute without answer.
     Input: port, startSeconds. */}}
{{- define "gapo.probes" -}}
startupProbe:
  grpc: { port: {{ .port }} }
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: {{ div .startSeconds 2 }}
readinessProbe:
  grpc: { port: {{ .port }} }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  grpc: { port: {{ .port }} }
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
{{- end -}}

{{/* The number of pods, unless somebody else decides it: an autoscaler, or `kubectl scale` where it is null. Input: a component's values. */}}
{{- define "gapo.replicas" -}}
{{- if not (or (.autoscaling | default dict).enabled (kindIs "invalid" .replicas)) }}
replicas: {{ .replicas }}
{{- end }}
{{- end -}}

{{/* How a Deployment replaces its pods. Input: a component's values. */}}
{{- define "gapo.strategy" -}}
{{- with .strategy }}
strategy:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "gapo.serviceAccount" -}}
{{- with .Values.serviceAccount -}}
{{ ternary (.name | default (include "gapo.fullname" $)) (.name | default "default") .create }}
{{- end -}}
{{- end -}}
