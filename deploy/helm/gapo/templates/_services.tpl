{{/* A Service that resolves to every ready pod: services of the release call each other by these. Input: root, component, port, portName (optional),
     single: whether it has one pod, which its clients wait for. */}}
{{- define "gapo.headlessService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "gapo.metadata" (merge (dict "name" (printf "%s-%s-headless" (include "gapo.fullname" .root) .component)) .) | nindent 2 }}
spec:
  type: ClusterIP
  clusterIP: None
  {{- if .single }}
  {{- /* Its clients try the address of the next pod before that is ready. Otherwise the name resolves to nothing while the pod is replaced, and
       name servers keep that for half a minute. */}}
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "gapo.selector" . | nindent 4 }}
  ports:
    - name: {{ .portName | default "grpc" }}
      port: {{ .port }}
      targetPort: {{ .portName | default "grpc" }}
      {{- with .appProtocol | default (ternary "" "grpc" (hasKey . "portName")) }}
      appProtocol: {{ . }}
      {{- end }}
{{- end -}}

{{/* A Service with an address of its own, for clients: it stays the same when pods come and go. Input: root, component, service (values), portName,
     targetPort, appProtocol. */}}
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
      appProtocol: {{ .appProtocol }}
{{- end -}}
