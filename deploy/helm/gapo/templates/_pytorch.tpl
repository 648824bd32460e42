{{/*
Gradient workers of PyTorch (engines/pytorch): one process, the processes of a pod under torchrun, or those of several pods. In each case the first
process serves gRPC for all of them.
*/}}

{{/* "true" where PyTorch computes the gradients. Input: the root. */}}
{{- define "gapo.pytorch" -}}
{{- $gradient := .Values.gradient -}}
{{- $engine := $gradient.engine -}}
{{- if eq $engine.name "native" }}
{{- range $key, $value := dict "processes" $engine.processes "leaderWorkerSet" $engine.leaderWorkerSet }}
{{- if $value }}{{ fail (printf "gradient.engine.%s: set gradient.engine.name to pytorch too" $key) }}{{ end -}}
{{- end -}}
{{- if ne (int $engine.pods) 1 }}{{ fail "gradient.engine.pods: set gradient.engine.name to pytorch too" }}{{ end -}}
{{- else -}}
{{- $gpus := include "gapo.gpus" $gradient | int -}}
{{- if and $gpus (ne $gradient.variant "cuda") }}{{ fail "gradient.variant: the pods have GPUs; set it to cuda, or leave nvidia.com/gpu out of gradient.resources" }}{{ end -}}
{{- if and $engine.processes $gpus (ne (int $engine.processes) $gpus) }}
{{- fail (printf "gradient.engine.processes: %d, but gradient.resources.limits has %d nvidia.com/gpu; each process needs one, so leave processes out" (int $engine.processes) $gpus) }}
{{- end -}}
{{- if gt (int $engine.pods) 1 }}
{{- if not .Values.networkPolicy.enabled }}{{ fail "gradient.engine.pods: several pods trust whoever reaches their ports; leave networkPolicy.enabled true" }}{{ end -}}
{{- if ($gradient.autoscaling | default dict).enabled }}{{ fail "gradient.autoscaling: a worker of several pods is not scaled automatically; set gradient.replicas" }}{{ end -}}
{{- if and (not $engine.leaderWorkerSet) (ne (toString $gradient.replicas) "1") }}
{{- fail "gradient.replicas: several workers of several pods need gradient.engine.leaderWorkerSet; without it, set 1" }}
{{- end -}}
{{- else if $engine.leaderWorkerSet }}{{ fail "gradient.engine.leaderWorkerSet: a worker of one pod is a Deployment; set gradient.engine.pods too" }}
{{- end -}}
true
{{- end -}}
{{- end -}}

{{/* What the gradient workers are: Deployment, StatefulSet or LeaderWorkerSet. Input: the root. */}}
{{- define "gapo.gradientKind" -}}
{{- $engine := .Values.gradient.engine -}}
{{- if and (include "gapo.pytorch" .) (gt (int $engine.pods) 1) -}}
{{ ternary "LeaderWorkerSet" "StatefulSet" $engine.leaderWorkerSet }}
{{- else -}}
Deployment
{{- end -}}
{{- end -}}

{{/* GPUs of a pod. Input: a component's values. */}}
{{- define "gapo.gpus" -}}
{{- get ((.resources | default dict).limits | default dict) "nvidia.com/gpu" | default 0 }}
{{- end -}}

{{/* What selects the pod of a worker whose first process serves gRPC, beside the component's labels. Input: the root. */}}
{{- define "gapo.gradientFirst" -}}
{{- $kind := include "gapo.gradientKind" . -}}
{{- if eq $kind "StatefulSet" }}
apps.kubernetes.io/pod-index: '0'
{{- else if eq $kind "LeaderWorkerSet" }}
gapo.dev/pod: first
{{- end }}
{{- end -}}

{{/* The port at which pods of a worker meet. */}}
{{- define "gapo.rendezvousPort" -}}
29500
{{- end -}}

{{- define "gapo.pytorchEnv" -}}
- name: PRECISION
  value: {{ .Values.gradient.engine.precision }}
{{- if eq (include "gapo.gradientKind" .) "StatefulSet" }}
- name: POD_INDEX
  valueFrom:
    fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" }
{{- end }}
{{- end -}}

{{/* The pod's command, as a list: torchrun's options where there are several processes; absent: the image's. Input: the root. */}}
{{- define "gapo.pytorchCommand" -}}
{{- $gradient := .Values.gradient -}}
{{- $engine := $gradient.engine -}}
{{- $processes := $engine.processes | default (include "gapo.gpus" $gradient | int) | default 1 | int -}}
{{- $kind := include "gapo.gradientKind" . -}}
{{- $name := printf "%s-gradient" (include "gapo.fullname" .) -}}
{{- if or (gt $processes 1) (gt (int $engine.pods) 1) -}}
- python
- -m
- gapo_pytorch.processes
- --nproc-per-node={{ $processes }}
{{- if eq $kind "Deployment" }}
- --standalone
{{- else }}
- --nnodes={{ $engine.pods }}
- --node-rank=$({{ ternary "LWS_WORKER_INDEX" "POD_INDEX" (eq $kind "LeaderWorkerSet") }})
- --master-addr={{ ternary "$(LWS_LEADER_ADDRESS)" (printf "%s-0.%s-group" $name $name) (eq $kind "LeaderWorkerSet") }}
- --master-port={{ include "gapo.rendezvousPort" . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "gapo.pytorchMounts" -}}
- name: shared-memory
  mountPath: /dev/shm
{{- end -}}

{{- define "gapo.pytorchVolumes" -}}
- name: shared-memory
  emptyDir: { medium: Memory, sizeLimit: {{ .Values.gradient.engine.sharedMemory | quote }} }
{{- end -}}
