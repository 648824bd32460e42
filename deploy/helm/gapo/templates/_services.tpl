{{/* A Service that resolves to every ready pod, for components with several: calls go to each in turn. Input: root, component, port,
     portName and labels of the pods (optional). */}}
{{- define "gapo.headlessService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "gapo.metadata" (merge (dict "name" (printf "%s-%s-headless" (include "gapo.fullname" .root) .component)) .) | nindent 2 }}
spec:
  type: ClusterIP
  clusterIP: None
  selector:
    {{- include "gapo.selector" . | nindent 4 }}
    {{- with .labels }}{{ . | trim | nindent 4 }}{{ end }}
  ports:
    - name: {{ .portName | default "grpc" }}
      port: {{ .port }}
      targetPort: {{ .portName | default "grpc" }}
      {{- with .appProtocol | default (ternary "" "grpc" (hasKey . "portName")) }}
      appProtocol: {{ . }}
      {{- end }}
{{- end -}}

{{/* A Service by which the pods of one worker find each other, ready or not. Input: root, component. */}}
{{- define "gapo.groupService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "gapo.metadata" (merge (dict "name" (printf "%s-%s-group" (include "gapo.fullname" .root) .component)) .) | nindent 2 }}
spec:
  type: ClusterIP
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "gapo.selector" . | nindent 4 }}
  ports:
    - { name: rendezvous, port: {{ include "gapo.rendezvousPort" .root }}, targetPort: rendezvous }
{{- end -}}

{{/* A Service with an address of its own, which stays when pods come and go: for clients, and for components with one pod. By the addresses of
     pods, name servers would send callers to the pod that ended for half a minute. Input: root, component, service (values), portName,
     appProtocol (optional). */}}
{{- define "gapo.stableService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "gapo.metadata" (merge (dict "name" (printf "%s-%s" (include "gapo.fullname" .root) .component) "annotations" .service.annotations) .) | nindent 2 }}
spec:
  type: {{ .service.type }}
  {{- with .service.loadBalancerClass }}
  loadBalancerClass: {{ . | quote }}
  {{- end }}
  {{- with .service.loadBalancerSourceRanges }}
  loadBalancerSourceRanges:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  selector:
    {{- include "gapo.selector" . | nindent 4 }}
  ports:
    - name: {{ .portName }}
      port: {{ .service.port }}
      targetPort: {{ .portName }}
      {{- with .service.nodePort }}
      nodePort: {{ . }}
      {{- end }}
      {{- with .appProtocol }}
      appProtocol: {{ . }}
      {{- end }}
{{- end -}}
