{{/* The queue between Alertmanager and Slack, and what of alertmanager.yml leads to it: as roles/alertmanager writes both. */}}

{{/* Not empty where messages to Slack go through it. */}}
{{- define "mita.relay.is-run" -}}
{{- if and .Values.alertmanager.enabled .Values.alertmanager.relay.enabled (not (hasKey .Values.alertmanager.without "slack")) }}yes{{ end -}}
{{- end }}

{{/* How loud a message is and what it is about, as relay/message.py reads it. */}}
{{- define "mita.relay.mark" -}}
{{ `{{ .Status }} {{ range .Alerts.Firing }}{{ .Labels.severity }},{{ end }} | {{ printf "%q" .Receiver }}{{ range .GroupLabels.SortedPairs }} {{ .Name }}={{ printf "%q" .Value }}{{ end }}` }}
{{ end }}

{{/* (dict "config" $config "entry" $entry): {name, proxy} of the address that the queue sends to; no name where Alertmanager itself must. */}}
{{- define "mita.relay.address" -}}
{{- $global := .config.global | default dict -}}
{{- $path := .entry.api_url_file | default $global.slack_api_url_file | default "" -}}
{{- $connection := .entry.http_config | default $global.http_config | default dict -}}
{{- $known := omit $connection "proxy_url" "follow_redirects" "enable_http2" | empty -}}
{{- $name := "" -}}
{{- if and $known (not (hasKey .entry "api_url")) (regexMatch "^/etc/alertmanager/secrets/[\\w.-]+$" $path) }}{{ $name = base $path }}{{ end -}}
{{- toJson (dict "name" $name "proxy" ($connection.proxy_url | default "")) -}}
{{- end }}

{{/* The configuration with each message to Slack on its way through the queue. */}}
{{- define "mita.behind-relay" -}}
{{- $config := . -}}
{{- $direct := false -}}
{{- $addresses := list -}}
{{- range $receiver := $config.receivers }}{{ range $entry := $receiver.slack_configs -}}
{{- $name := (include "mita.relay.address" (dict "config" $config "entry" $entry) | fromJson).name -}}
{{- if $name -}}
{{- $_ := unset $entry "api_url_file" -}}
{{- $_ := set $entry "api_url" (printf "http://127.0.0.1:9096/%s" $name) -}}
{{- $_ := set $entry "callback_id" (printf "%s%s" (include "mita.relay.mark" $config) ($entry.callback_id | default "")) -}}
{{- $_ := set $entry "http_config" (dict "follow_redirects" false) -}}
{{- else if not (or (hasKey $entry "api_url") (hasKey $entry "api_url_file")) }}{{ $direct = true }}{{ end -}}
{{- end }}{{ end -}}
{{- if not $direct }}{{ $_ := unset $config.global "slack_api_url_file" }}{{ end -}}
{{- toYaml $config -}}
{{- end }}

{{/* The addresses that it sends to, by name. */}}
{{- define "mita.relay.addresses" -}}
{{- $config := fromYaml (include "mita.alertmanager.sited" .) -}}
{{- $found := dict -}}
{{- range $receiver := $config.receivers }}{{ range $entry := $receiver.slack_configs -}}
{{- $one := include "mita.relay.address" (dict "config" $config "entry" $entry) | fromJson -}}
{{- if $one.name -}}
{{- $before := get $found $one.name | default $one -}}
{{- if ne $before.proxy $one.proxy }}{{ fail (printf "alertmanager: expected one proxy_url for all messages to %s, found two" $one.name) }}{{ end -}}
{{- $_ := set $found $one.name (dict "file" (printf "/etc/mita-relay/secrets/%s" $one.name) "proxy" $one.proxy) -}}
{{- end -}}
{{- end }}{{ end -}}
{{- toJson $found -}}
{{- end }}

{{/* The seconds are those of the role: how long a message may wait before it is late, and until it is set aside. */}}
{{- define "mita.relay.json" -}}
{{- toJson (dict "host" "127.0.0.1" "port" 9096 "late_s" 300 "keep_s" 86400 "longest_pause_s" 15 "addresses" (include "mita.relay.addresses" . | fromJson)) -}}
{{- end }}

{{- define "mita.relay.secret-keys" -}}
{{- if include "mita.relay.is-run" . }}{{ include "mita.relay.addresses" . | fromJson | keys | sortAlpha | toJson }}{{ else }}[]{{ end -}}
{{- end }}
