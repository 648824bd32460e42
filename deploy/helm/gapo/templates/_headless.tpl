{{/* A Service that resolves to every ready pod. Input: root, component, port. */}}
{{- define "gapo.headlessService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "gapo.fullname" .root }}-{{ .component }}-headless
  labels:
    {{- include "gapo.labels" . | nindent 4 }}
spec:
  type: ClusterIP
  clusterIP: None
  selector:
    {{- include "gapo.selector" . | nindent 4 }}
  ports:
    - name: grpc
      port: {{ .port }}
      targetPort: grpc
      appProtocol: grpc
{{- end -}}
