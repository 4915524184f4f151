{{/* Names, labels and what every pod of ours has. */}}

{{- define "mita.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 36 | trimSuffix "-" -}}
{{- end }}

{{/* (dict "root" $ "component" "prometheus") */}}
{{- define "mita.object" -}}
{{ include "mita.name" .root }}-{{ .component }}
{{- end }}

{{- define "mita.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "mita.labels" -}}
{{ include "mita.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "mita.meta" -}}
name: {{ include "mita.object" . }}
namespace: {{ .root.Release.Namespace | quote }}
labels: {{- include "mita.labels" . | nindent 2 }}
{{- end }}

{{/* A digest is exactly one image for ever; the tag beside it is for people. */}}
{{- define "mita.image" -}}
{{- .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end -}}
{{- end }}

{{/* What the restricted profile of Pod Security asks for; the user is nobody's, unless an image insists on its own. */}}
{{- define "mita.pod-security" -}}
runAsNonRoot: true
runAsUser: {{ .user | default 65534 }}
runAsGroup: {{ .user | default 65534 }}
fsGroup: {{ .user | default 65534 }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "mita.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* (dict "root" $ "component" ... "values" .Values.x): where its pods may run. */}}
{{- define "mita.placement" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.affinity }}
affinity: {{- toYaml .values.affinity | nindent 2 }}
{{- else if gt (int (.values.replicas | default 1)) 1 }}
affinity: # two on one node die together
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "mita.selector" . | nindent 14 }}
{{- end }}
{{- end }}

{{/* (dict "values" .Values.x "name" "data"): the volume that outlives its pod. */}}
{{- define "mita.claim" -}}
- metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storage.className }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests:
        storage: {{ .storage.size }}
{{- end }}

{{/* (dict "root" $ "keys" (list ...)): files of the site's Secret. A pod waits for a key that is not there, and its event names it. */}}
{{- define "mita.secrets" -}}
{{- if .keys }}
- secret:
    name: {{ .root.Values.secret.name | quote }}
    items:
      {{- range .keys }}
      - {key: {{ . | quote }}, path: {{ printf "secrets/%s" . | quote }}}
      {{- end }}
{{- end }}
{{- end }}

{{- define "mita.prometheus-url" -}}
http://{{ include "mita.object" (dict "root" . "component" "prometheus") }}.{{ .Release.Namespace }}.svc:9090
{{- end }}
{{- define "mita.alertmanager-url" -}}
http://{{ include "mita.object" (dict "root" . "component" "alertmanager") }}.{{ .Release.Namespace }}.svc:9093
{{- end }}
{{- define "mita.rollback-url" -}}
http://{{ include "mita.object" (dict "root" . "component" "rollback") }}.{{ .Release.Namespace }}.svc:8000
{{- end }}

{{/* (dict "root" $ "component" ... "port" ... "replicas" n): each pod of a StatefulSet by its own name, one a line. */}}
{{- define "mita.members" -}}
{{- $object := include "mita.object" . -}}
{{- range until (int .replicas) }}
{{ $object }}-{{ . }}.{{ $object }}-pods.{{ $.root.Release.Namespace }}.svc:{{ $.port }}
{{- end }}
{{- end }}

{{- define "mita.grafana.ini" -}}
[analytics]
check_for_plugin_updates = false
check_for_updates = false
reporting_enabled = false

[auth.anonymous]
enabled = false

[dashboards]
default_home_dashboard_path = /etc/grafana/dashboards/mita-main.json

[log]
mode = console

[metrics]
enabled = true

[news]
news_feed_enabled = false

[paths]
data = /var/lib/grafana
logs = /var/lib/grafana/log
plugins = /var/lib/grafana/plugins

[security]
admin_password = $__file{/etc/grafana/secrets/grafana_admin_password}
admin_user = {{ .Values.grafana.adminUser }}
cookie_secure = {{ hasPrefix "https:" .Values.grafana.externalUrl }}
disable_gravatar = true

[server]
http_port = 3000
{{- with .Values.grafana.externalUrl }}
root_url = {{ . }}
{{- end }}

[users]
allow_org_create = false
allow_sign_up = false
{{ end }}

{{/* Not empty where the chart runs the component. */}}
{{- define "mita.is-run" -}}
{{- $values := .root.Values -}}
{{- $run := dict "prometheus" $values.prometheus.enabled "alertmanager" $values.alertmanager.enabled "grafana" $values.grafana.enabled "rollback" $values.rollback.enabled "postgres-exporter" $values.exporters.postgres.enabled "redis-exporter" $values.exporters.redis.enabled -}}
{{- if get $run .component }}yes{{ end -}}
{{- end }}

{{/* What the ConfigMap of a file is called. */}}
{{- define "mita.rules-name" -}}
rules-{{ base . | trimSuffix ".rules.yml" | replace "_" "-" }}
{{- end }}
{{- define "mita.dashboard-name" -}}
dashboard-{{ base . | trimSuffix ".json" | replace "_" "-" }}
{{- end }}

{{/* Whom Alertmanager tells of what may be rolled back; empty where there is no daemon. */}}
{{- define "mita.daemon-url" -}}
{{- if .Values.rollback.enabled }}{{ include "mita.rollback-url" . }}{{ else }}{{ trimSuffix "/" .Values.alertmanager.daemonUrl }}{{ end -}}
{{- end }}
