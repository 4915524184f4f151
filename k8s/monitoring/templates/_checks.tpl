{{/* What cannot work, each thing in a sentence. checks.yaml says all of it at once. */}}

{{- define "mita.wrong.images" -}}
{{- $values := .Values -}}
{{- $wrong := list -}}
{{- $prometheus := $values.prometheus -}}
{{- $exporters := $values.exporters -}}
{{- $tools := $values.rollback.executor.tools -}}
{{- $images := list
  (list "image" $values.image (or $values.rollback.enabled (include "mita.relay.is-run" .) (and $values.alertmanager.enabled $values.alertmanager.closing.enabled)))
  (list "prometheus.image" $prometheus.image $prometheus.enabled)
  (list "prometheus.blackbox.image" $prometheus.blackbox.image (and $prometheus.enabled $prometheus.blackbox.enabled))
  (list "alertmanager.image" $values.alertmanager.image $values.alertmanager.enabled)
  (list "grafana.image" $values.grafana.image $values.grafana.enabled)
  (list "rollback.executor.tools.image" $tools.image (and $values.rollback.enabled $tools.programs))
  (list "exporters.postgres.image" $exporters.postgres.image $exporters.postgres.enabled)
  (list "exporters.redis.image" $exporters.redis.image $exporters.redis.enabled) -}}
{{- range $images -}}
{{- $name := first . -}}
{{- $image := index . 1 -}}
{{- if last . -}}
{{- if not $image.repository -}}
{{- $how := ternary "; docs/kubernetes.md says how to build it, or set rollback.enabled, alertmanager.relay.enabled and alertmanager.closing.enabled: false" "" (eq $name "image") -}}
{{- $wrong = append $wrong (printf "%s.repository: expected where the image is, found nothing%s" $name $how) -}}
{{- else if and (not $image.digest) $values.imagesByDigest -}}
{{- $wrong = append $wrong (printf "%s.digest: expected one, since imagesByDigest is true, found none; docs/kubernetes.md says how to ask for it" $name) -}}
{{- else if and (not $image.digest) (has ($image.tag | default "latest") (list "latest" "")) -}}
{{- $wrong = append $wrong (printf "%s: expected a tag other than latest, or a digest, found %q; a node would run whatever is newest when the pod starts" $image.repository $image.tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end }}

{{/* Jobs that nobody asks, targets that cannot be asked, and alerts that nobody takes. */}}
{{- define "mita.wrong.jobs" -}}
{{- $wrong := list -}}
{{- if .Values.prometheus.enabled -}}
{{- $prometheus := .Values.prometheus -}}
{{- $native := list -}}
{{- range (fromYaml (include "mita.file" (dict "root" . "path" "prometheus.yml"))).scrape_configs }}{{ $native = append $native .job_name }}{{ end -}}
{{- $asked := concat $native (keys ($prometheus.discovery | default dict)) (keys ($prometheus.scrapes | default dict)) -}}
{{- range $job, $entries := $prometheus.targets -}}
{{- if not (has $job $asked) -}}
{{- $wrong = append $wrong (printf "prometheus.targets.%s: expected a job of prometheus.yml (%s), or what is laid over it in prometheus.scrapes, found neither; nobody would ask it" $job (join ", " $native)) -}}
{{- end -}}
{{- $probed := hasPrefix "blackbox-" $job -}}
{{- range $entry := $entries -}}
{{- range $target := $entry.targets -}}
{{- if and $probed (not (regexMatch "^https?://" $target)) -}}
{{- $wrong = append $wrong (printf "prometheus.targets.%s: expected an address such as https://api.example.org/health/ready, found %s" $job $target) -}}
{{- else if and (not $probed) (has $job $native) (contains "/" $target) -}}
{{- $wrong = append $wrong (printf "prometheus.targets.%s: expected HOST:PORT, found %s; prometheus.scrapes.%s says the scheme and the path" $job $target $job) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $job, $_ := $prometheus.scrapes -}}
{{- if not (or (has $job $native) (hasKey ($prometheus.targets | default dict) $job) (hasKey ($prometheus.discovery | default dict) $job)) -}}
{{- $wrong = append $wrong (printf "prometheus.scrapes.%s: expected a job of prometheus.yml, or one in prometheus.targets or prometheus.discovery, found none of that name" $job) -}}
{{- end -}}
{{- end -}}
{{- range $path := regexFindAll "/etc/prometheus/secrets/[\\w.-]+" (include "mita.prometheus.yml" .) -1 | uniq -}}
{{- if not (has (base $path) $prometheus.secretKeys) -}}
{{- $wrong = append $wrong (printf "prometheus.secretKeys: expected %s, since a scrape reads %s, found it not" (base $path) $path) -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int $prometheus.replicas) 1) (hasKey ($prometheus.externalLabels | default dict) "replica") -}}
{{- $wrong = append $wrong "prometheus.externalLabels.replica: expected no such label, found one; by it the two servers differ" -}}
{{- end -}}
{{- if and (not .Values.alertmanager.enabled) (not (hasKey ($prometheus.targets | default dict) "alertmanager")) -}}
{{- $wrong = append $wrong "prometheus.targets.alertmanager: expected the addresses of the Alertmanager that you have, since alertmanager.enabled is false, found none; nobody would hear of an alert" -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end }}

{{/* A receiver that is neither the heartbeat's nor the daemon's reaches somebody. */}}
{{- define "mita.wrong.receivers" -}}
{{- $told := false -}}
{{- if .Values.alertmanager.enabled -}}
{{- range $receiver := (fromYaml (include "mita.alertmanager.yml" .)).receivers -}}
{{- if and (ne $receiver.name "dead-man") (not (hasPrefix "rollback" $receiver.name)) -}}
{{- range $kind, $entries := $receiver }}{{ if and (hasSuffix "_configs" $kind) $entries }}{{ $told = true }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}
{{- else }}{{ $told = true }}{{ end -}}
{{- if $told }}[]{{ else }}{{ list "alertmanager.without: expected somebody who is told, found that mail, pagerduty and slack are all left out" | toJson }}{{ end -}}
{{- end }}

{{/* (dict "path" "a.b" "value" ...): a secret that stands in the values would be in a ConfigMap, and in helm's own record. */}}
{{- define "mita.wrong.secrets" -}}
{{- $wrong := list -}}
{{- if kindIs "map" .value -}}
{{- range $name, $value := .value -}}
{{- $path := printf "%s.%s" $.path $name -}}
{{- if and $value (not (kindIs "map" $value)) (has (lower $name) (list "password" "credentials" "bearer_token" "client_secret" "secret_key" "token" "api_key" "secrets")) -}}
{{- $wrong = append $wrong (printf "%s: expected no secret in the values, found one; put it into the Secret, and name its file, as %s_file does" $path $name) -}}
{{- else -}}
{{- $wrong = concat $wrong (include "mita.wrong.secrets" (dict "path" $path "value" $value) | fromJsonArray) -}}
{{- end -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $value := .value }}{{ $wrong = concat $wrong (include "mita.wrong.secrets" (dict "path" $.path "value" $value) | fromJsonArray) }}{{ end -}}
{{- else if and (kindIs "string" .value) (regexMatch "://[^/\\s]*@" .value) -}}
{{- $wrong = append $wrong (printf "%s: expected an address without a login, found one that has it; put the login into the Secret" .path) -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end }}
