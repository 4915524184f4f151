{{/* What the rollback daemon is told: its settings, its secrets, and the program that rolls back. */}}

{{- define "mita.settings.yml" -}}
{{- $root := . -}}
{{- $values := .Values.rollback -}}
{{- $own := dict
  "environment" .Values.environment
  "listen_address" "0.0.0.0"
  "listen_port" 8000
  "webhook_secret_file" "secrets/rollback_webhook_secret"
  "admin_secret_file" "secrets/rollback_admin_secret"
  "external_url" $values.externalUrl
-}}
{{- if $values.slack }}{{ $_ := set $own "slack_webhook_url_file" "secrets/rollback_slack_webhook_url" }}{{ end -}}
{{- if $values.pagerduty }}{{ $_ := set $own "pagerduty_routing_key_file" "secrets/rollback_pagerduty_routing_key" }}{{ end -}}
{{- range $name, $port := dict "prometheus" 9090 "alertmanager" 9093 -}}
{{- $neighbour := get $root.Values $name -}}
{{- if $neighbour.enabled -}}
{{- $members := splitList "\n" (trim (include "mita.members" (dict "root" $root "component" $name "port" $port "replicas" $neighbour.replicas))) -}}
{{- $_ := set $own (printf "%s_url" $name) (printf "http://%s" (first $members)) -}}
{{- $others := list -}}
{{- range rest $members }}{{ $others = append $others (printf "http://%s" .) }}{{ end -}}
{{- if $others }}{{ $_ := set $own (printf "%s_other_urls" $name) $others }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $probes := dict -}}
{{- range $service, $said := $values.executor.services -}}
{{- with $said.probe }}{{ $_ := set $probes $service (dict $service .) }}{{ end -}}
{{- end -}}
{{- if $probes }}{{ $_ := set $own "probes" $probes }}{{ end -}}
{{- $_ := set $own "executor" (fromYaml (include "mita.executor" .)) -}}
{{- toYaml (mergeOverwrite $own (deepCopy $values.settings)) -}}
{{- end }}

{{- define "mita.executor" -}}
{{- $values := .Values.rollback.executor -}}
kind: command
timeout: {{ $values.timeout | quote }}
directory: /tmp
environment: # the daemon hands down nothing else
  PATH: /tools:/usr/local/bin:/usr/bin:/bin
  HOME: /tmp
  LANG: C.UTF-8
  KUBERNETES_SERVICE_HOST: kubernetes.default.svc
  KUBERNETES_SERVICE_PORT: "443"
{{- if eq $values.kind "command" }}
argv: {{- toYaml $values.argv | nindent 2 }}
rehearsal_argv: {{- toYaml $values.rehearsalArgv | nindent 2 }}
{{- else }}
argv: {{- toYaml (concat (fromJsonArray (include "mita.undo" .)) (list "--to={to_version}")) | nindent 2 }}
rehearsal_argv: {{- toYaml (concat (fromJsonArray (include "mita.undo" .)) (list "--to={to_version}" "--rehearse")) | nindent 2 }}
{{- end }}
{{- end }}

{{- define "mita.undo" -}}
{{- $values := .Values.rollback.executor -}}
{{- $argv := list "python3" "-P" "/etc/mita-rollback/executor/undo.py" (printf "--kind=%s" $values.kind) (printf "--namespace=%s" $values.namespace) "--service={service}" -}}
{{- range $service, $said := $values.services -}}
{{- $argv = append $argv (printf "--object=%s=%s" $service ($said.object | default $service)) -}}
{{- end -}}
{{- toJson $argv -}}
{{- end }}

{{- define "mita.rollback.secret-keys" -}}
{{- $keys := list "rollback_webhook_secret" "rollback_admin_secret" -}}
{{- if .Values.rollback.slack }}{{ $keys = append $keys "rollback_slack_webhook_url" }}{{ end -}}
{{- if .Values.rollback.pagerduty }}{{ $keys = append $keys "rollback_pagerduty_routing_key" }}{{ end -}}
{{- toJson (concat $keys .Values.rollback.secretKeys) -}}
{{- end }}

{{/* What the daemon may do in the namespace of what it rolls back: the least that the program needs. */}}
{{- define "mita.rollback.rules" -}}
{{- $values := .Values.rollback.executor -}}
{{- $names := list -}}
{{- range $service, $said := $values.services }}{{ $names = append $names ($said.object | default $service) }}{{ end -}}
{{- $rules := list -}}
{{- if eq $values.kind "deployment" -}}
{{- $rules = list
  (dict "apiGroups" (list "apps") "resources" (list "deployments") "resourceNames" $names "verbs" (list "get" "patch"))
  (dict "apiGroups" (list "apps") "resources" (list "replicasets") "verbs" (list "list")) -}}
{{- else if eq $values.kind "rollout" -}}
{{- $rules = list
  (dict "apiGroups" (list "argoproj.io") "resources" (list "rollouts") "resourceNames" $names "verbs" (list "get" "patch"))
  (dict "apiGroups" (list "apps") "resources" (list "replicasets") "verbs" (list "list")) -}}
{{- else if eq $values.kind "helm" -}}
{{- $rules = list (dict "apiGroups" (list "") "resources" (list "secrets") "verbs" (list "get" "list" "create" "update" "delete")) -}}
{{- end -}}
{{- toYaml (concat $rules $values.rules) -}}
{{- end }}
