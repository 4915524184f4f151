{{/* The native files of monitoring/, with what a site must change in them. What is not said leaves a file as it is. */}}

{{/* (dict "root" $ "path" "rules/x.rules.yml"): a file of monitoring/, or what the site has in its place. */}}
{{- define "mita.file" -}}
{{- if hasKey .root.Values.files .path }}{{ get .root.Values.files .path }}{{ else }}{{ .root.Files.Get (printf "files/%s" .path) }}{{ end -}}
{{- end }}

{{/* (dict "root" $ "folder" "rules"): the paths of all files in it, ours and those that the site adds. */}}
{{- define "mita.paths" -}}
{{- $prefix := printf "%s/" .folder -}}
{{- $found := list -}}
{{- range $path, $_ := .root.Files.Glob (printf "files/%s*" $prefix) }}{{ $found = append $found (trimPrefix "files/" $path) }}{{ end -}}
{{- range $path, $_ := .root.Values.files }}{{ if hasPrefix $prefix $path }}{{ $found = append $found $path }}{{ end }}{{ end -}}
{{- toJson (sortAlpha (uniq $found)) -}}
{{- end }}

{{/* Of the native files, as monitoring/site_files.py says it. */}}
{{- define "mita.native-sum" -}}
{{- $all := "" -}}
{{- range $path, $_ := .Files.Glob "files/{alertmanager.yml,prometheus.yml,rules/*,templates/*}" -}}
{{- $all = printf "%s%s%s" $all (trimPrefix "files/" $path) ($.Files.Get $path) -}}
{{- end -}}
{{- sha256sum $all -}}
{{- end }}

{{/* (dict "root" $ "folder" "rules"): all of a folder, to see whether anything changed. */}}
{{- define "mita.folder" -}}
{{- range $path := include "mita.paths" . | fromJsonArray }}{{ $path }}{{ "\n" }}{{ include "mita.file" (dict "root" $.root "path" $path) }}{{ end -}}
{{- end }}

{{/* (dict "text" ... "from" ... "to" ...): the text with one of its own words replaced; a native file without that word is an error. */}}
{{- define "mita.replaced" -}}
{{- if not (contains .from .text) -}}
{{- fail (printf "expected %q in a file of monitoring/, found none; the chart and monitoring/ are not of one release" .from) -}}
{{- end -}}
{{- .text | replace .from .to -}}
{{- end }}

{{- define "mita.alertmanager.yml" -}}
{{- $text := include "mita.alertmanager.sited" . -}}
{{- if include "mita.relay.is-run" . }}{{ include "mita.behind-relay" (fromYaml $text) }}{{ else }}{{ $text }}{{ end -}}
{{- end }}

{{- define "mita.alertmanager.sited" -}}
{{- $text := include "mita.file" (dict "root" . "path" "alertmanager.yml") -}}
{{- $url := include "mita.daemon-url" . -}}
{{- if $url -}}
{{- $text = include "mita.replaced" (dict "text" $text "from" "http://127.0.0.1:8000/" "to" (printf "%s/" $url)) -}}
{{- end -}}
{{- if or .Values.alertmanager.without .Values.alertmanager.deadMan .Values.alertmanager.mail (not $url) -}}
{{- $config := fromYaml $text -}}
{{- include "mita.alertmanager.mail" (dict "config" $config "mail" .Values.alertmanager.mail) -}}
{{- $kinds := dict "mail" "email_configs" "pagerduty" "pagerduty_configs" "slack" "slack_configs" -}}
{{- $dead := .Values.alertmanager.deadMan -}}
{{- range $receiver := $config.receivers -}}
{{- range $name, $kind := $kinds -}}
{{- if hasKey $.Values.alertmanager.without $name -}}{{- $_ := unset $receiver $kind -}}{{- end -}}
{{- end -}}
{{- if and $dead (eq $receiver.name "dead-man") -}}
{{- $hook := dict "url_file" (printf "/etc/alertmanager/secrets/%s" $dead.secretKey) "send_resolved" false -}}
{{- $_ := set $receiver "webhook_configs" (list $hook) -}}
{{- end -}}
{{- if and (not $url) (hasPrefix "rollback" $receiver.name) -}}{{- $_ := unset $receiver "webhook_configs" -}}{{- end -}}
{{- end -}}
{{- if hasKey .Values.alertmanager.without "slack" -}}{{- $_ := unset $config.global "slack_api_url_file" -}}{{- end -}}
{{- if hasKey .Values.alertmanager.without "mail" -}}
{{- range $key := list "smtp_smarthost" "smtp_from" "smtp_auth_username" "smtp_auth_password_file" -}}{{- $_ := unset $config.global $key -}}{{- end -}}
{{- end -}}
{{- $text = toYaml $config -}}
{{- end -}}
{{- $text -}}
{{- end }}

{{/* A login stands only where the site names its user; what a site added to the file keeps its own address. */}}
{{- define "mita.alertmanager.mail" -}}
{{- if .mail -}}
{{- $global := .config.global -}}
{{- $_ := set $global "smtp_from" .mail.from -}}
{{- $_ := set $global "smtp_smarthost" .mail.smarthost -}}
{{- if .mail.username -}}
{{- $_ := set $global "smtp_auth_username" .mail.username -}}
{{- else -}}
{{- $_ := unset $global "smtp_auth_username" -}}{{- $_ := unset $global "smtp_auth_password_file" -}}
{{- end -}}
{{- $to := .mail.to -}}
{{- range $receiver := .config.receivers -}}{{- range $one := $receiver.email_configs -}}{{- if eq (toString $one.to) "mikhail@mita.finance" }}{{ $_ := set $one "to" $to }}{{ end -}}{{- end -}}{{- end -}}
{{- end -}}
{{- end }}

{{/* Each secret that it names. */}}
{{- define "mita.alertmanager.secret-keys" -}}
{{- $found := list -}}
{{- range regexFindAll "/etc/alertmanager/secrets/[\\w.-]+" (include "mita.alertmanager.yml" .) -1 }}{{ $found = append $found (base .) }}{{ end -}}
{{- toJson (sortAlpha (uniq $found)) -}}
{{- end }}

{{/* Jobs by discovery have no targets file; two servers differ by `replica`, and their alerts must not. */}}
{{- define "mita.prometheus.yml" -}}
{{- $values := .Values.prometheus -}}
{{- $text := include "mita.file" (dict "root" . "path" "prometheus.yml") -}}
{{- $twins := gt (int $values.replicas) 1 -}}
{{- if or $values.discovery $values.scrapes $values.externalLabels $twins -}}
{{- $config := fromYaml $text -}}
{{- $known := dict -}}
{{- range $config.scrape_configs }}{{ $_ := set $known .job_name . }}{{ end -}}
{{- range $job, $found := $values.discovery -}}
{{- $scrape := get $known $job | default (dict "job_name" $job) -}}
{{- if not (hasKey $known $job) }}{{ $_ := set $config "scrape_configs" (append $config.scrape_configs $scrape) }}{{ $_ := set $known $job $scrape }}{{ end -}}
{{- $_ := unset $scrape "file_sd_configs" -}}
{{- $_ := mergeOverwrite $scrape (fromYaml (include "mita.discovered" (dict "root" $ "job" $job "found" $found))) -}}
{{- end -}}
{{- range $job, $said := $values.scrapes -}}
{{- $scrape := get $known $job | default (dict "job_name" $job "file_sd_configs" (list (dict "files" (list (printf "targets/%s.yml" $job))))) -}}
{{- if not (hasKey $known $job) }}{{ $_ := set $config "scrape_configs" (append $config.scrape_configs $scrape) }}{{ end -}}
{{- $_ := mergeOverwrite $scrape (deepCopy $said) -}}
{{- end -}}
{{- $labels := deepCopy $values.externalLabels -}}
{{- if $twins -}}
{{- $_ := set $labels "replica" "${POD_NAME}" -}}
{{- $_ := set $config.alerting "alert_relabel_configs" (list (dict "regex" "replica" "action" "labeldrop")) -}}
{{- end -}}
{{- if $labels }}{{ $_ := set $config.global "external_labels" $labels }}{{ end -}}
{{- $text = toYaml $config -}}
{{- end -}}
{{- $text -}}
{{- end }}

{{- define "mita.discovered" -}}
kubernetes_sd_configs:
  - role: pod
    namespaces:
      names: [{{ .found.namespace | quote }}]
    selectors:
      - role: pod
        label: {{ include "mita.selected" .found.selector | quote }}
relabel_configs:
  - source_labels: [__meta_kubernetes_pod_container_init, __meta_kubernetes_pod_phase, __meta_kubernetes_pod_container_port_number]
    regex: false;(Pending|Running|Unknown);{{ int .found.port }}
    action: keep
  - source_labels: [__meta_kubernetes_pod_name]
    target_label: instance
  - source_labels: [__meta_kubernetes_pod_node_name]
    target_label: host
  - target_label: service
    replacement: {{ .found.service | default .job | replace "$" "$$" | quote }}
  - target_label: env
    replacement: {{ .root.Values.environment | replace "$" "$$" | quote }}
{{- end }}

{{- define "mita.selected" -}}
{{- $pairs := list -}}
{{- range $name, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $name $value) }}{{ end -}}
{{- join "," $pairs -}}
{{- end }}

{{/* The targets of every job, by job: what the site says, and what the chart itself runs. */}}
{{- define "mita.targets" -}}
{{- $all := dict -}}
{{- $env := .Values.environment -}}
{{- range $job, $entries := .Values.prometheus.targets -}}
{{- $listed := list -}}
{{- range $entry := $entries -}}
{{- range $target := $entry.targets -}}
{{- $labels := merge (deepCopy ($entry.labels | default dict)) (dict "instance" $target "env" $env "service" $job) -}}
{{- $listed = append $listed (dict "targets" (list $target) "labels" $labels) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $all $job $listed -}}
{{- end -}}
{{- range $own := fromJsonArray (include "mita.own-targets" .) -}}
{{- $labels := dict "instance" $own.instance "env" $env "service" $own.service -}}
{{- $entry := dict "targets" (list $own.target) "labels" $labels -}}
{{- $_ := set $all $own.job (append (get $all $own.job | default list) $entry) -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}

{{- define "mita.own-targets" -}}
{{- $root := . -}}
{{- $own := list -}}
{{- range $job, $port := dict "prometheus" 9090 "alertmanager" 9093 -}}
{{- $values := get $root.Values $job -}}
{{- if $values.enabled -}}
{{- range $member := splitList "\n" (trim (include "mita.members" (dict "root" $root "component" $job "port" $port "replicas" $values.replicas))) -}}
{{- $own = append $own (dict "job" $job "service" $job "target" $member "instance" (first (splitList "." $member))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $job, $place := dict "mita-rollback" (list "rollback" 8000 .Values.rollback.enabled) "grafana" (list "grafana" 3000 .Values.grafana.enabled) "postgres" (list "postgres-exporter" 9187 .Values.exporters.postgres.enabled) "redis" (list "redis-exporter" 9121 .Values.exporters.redis.enabled) -}}
{{- if last $place -}}
{{- $object := include "mita.object" (dict "root" $root "component" (first $place)) -}}
{{- $target := printf "%s.%s.svc:%v" $object $root.Release.Namespace (index $place 1) -}}
{{- $service := ternary "mita-backend" $job (has $job (list "postgres" "redis")) -}}
{{- $own = append $own (dict "job" $job "service" $service "target" $target "instance" $object) -}}
{{- end -}}
{{- end -}}
{{- if .Values.prometheus.blackbox.enabled -}}
{{- $own = append $own (dict "job" "blackbox" "service" "blackbox" "target" "127.0.0.1:9115" "instance" "blackbox") -}}
{{- end -}}
{{- toJson $own -}}
{{- end }}

{{/* How many targets each job has, as the installation by Ansible writes it: rules/targets.rules.yml asks for it. */}}
{{- define "mita.expected.rules.yml" -}}
{{- $rules := list -}}
{{- $env := .Values.environment -}}
{{- range $job, $entries := fromJson (include "mita.targets" .) -}}
{{- $counts := dict -}}
{{- range $entries }}{{ $_ := set $counts .labels.service (add1 (int (get $counts .labels.service | default 0))) }}{{ end -}}
{{- range $service, $count := $counts -}}
{{- $rules = append $rules (dict "record" "job:targets:expected" "expr" (printf "vector(%d)" (int $count)) "labels" (dict "job" $job "service" $service "env" $env)) -}}
{{- end -}}
{{- end -}}
{{- range $job, $found := .Values.prometheus.discovery -}}
{{- if $found.expected -}}
{{- $rules = append $rules (dict "record" "job:targets:expected" "expr" (printf "vector(%d)" (int $found.expected)) "labels" (dict "job" $job "service" ($found.service | default $job) "env" $env)) -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "groups" (list (dict "name" "expected" "rules" $rules))) -}}
{{- end }}

{{/* (dict "root" $ "path" ...): a file of rules whose links lead to the runbooks and dashboards of this site. */}}
{{- define "mita.rules" -}}
{{- $text := include "mita.file" . -}}
{{- with .root.Values.prometheus.runbooksUrl }}{{ $text = replace "https://docs.mita.finance/runbooks/" (printf "%s/" (trimSuffix "/" .)) $text }}{{ end -}}
{{- with .root.Values.prometheus.dashboardsUrl }}{{ $text = replace "https://grafana.mita.finance/d/" (printf "%s/d/" (trimSuffix "/" .)) $text }}{{ end -}}
{{- $text -}}
{{- end }}

{{/* (dict "root" $ "text" ...): a dashboard whose links lead to this site, as the role grafana writes it. */}}
{{- define "mita.dashboard" -}}
{{- $text := .text -}}
{{- with .root.Values.prometheus.runbooksUrl }}{{ $text = replace "\"https://docs.mita.finance/runbooks\"" (toJson (trimSuffix "/" .)) $text }}{{ end -}}
{{- with .root.Values.alertmanager.externalUrl }}{{ $text = replace "\"http://127.0.0.1:9093\"" (toJson (trimSuffix "/" .)) $text }}{{ end -}}
{{- with .root.Values.rollback.externalUrl }}{{ $text = replace "\"http://127.0.0.1:8000\"" (toJson (trimSuffix "/" .)) $text }}{{ end -}}
{{- $text -}}
{{- end }}

{{- define "mita.discovery-namespaces" -}}
{{- $found := list -}}
{{- range .Values.prometheus.discovery }}{{ $found = append $found .namespace }}{{ end -}}
{{- toJson (sortAlpha (uniq $found)) -}}
{{- end }}
