# What several faults of catalogue/ do; each is undone by the function beside it, also twice and after a boot.

# disk MOUNTPOINT SIZE [OPTION of mkfs.ext4]...: a small file system in a file, which the node exporter sees
disk() {
    at=$1 image=$HOME_OF_FAULTS/$FAULT.img
    truncate -s "$2" "$image"
    shift 2
    mkfs.ext4 -q -m 0 "$@" "$image"
    mkdir -p "$at"
    node /dev/loop-control c 10 237
    for number in $(seq 40 99); do
        node /dev/loop"$number" b 7 "$number"
        if losetup /dev/loop"$number" "$image" 2>/dev/null; then
            mount /dev/loop"$number" "$at"
            return
        fi
    done
    echo "expected a free loop device between 40 and 99, found none" >&2
    return 1
}

# node FILE TYPE MAJOR MINOR: perhaps another fault makes it at the same moment
node() { [ -e "$1" ] || mknod "$@" 2>/dev/null || [ -e "$1" ]; }

no_disk() {
    if mountpoint -q "$1"; then umount -l "$1"; fi
    image=$HOME_OF_FAULTS/$FAULT.img
    losetup -j "$image" -O NAME -n | xargs -r losetup -d
    rm -f "$image"
    if [ -d "$1" ]; then rmdir "$1"; fi
}

# drop_in UNIT < settings: the unit runs with these settings beside its own
drop_in() {
    mkdir -p "/run/systemd/system/$1.service.d"
    cat > "/run/systemd/system/$1.service.d/$FAULT.conf"
    systemctl daemon-reload
    systemctl restart "$1"
}

no_drop_in() {
    if [ -e "/run/systemd/system/$1.service.d/$FAULT.conf" ]; then
        rm "/run/systemd/system/$1.service.d/$FAULT.conf"
        systemctl daemon-reload
        systemctl restart "$1"
    fi
}

# keep FILE: before it is changed; back FILE: it is as it was. Half a copy is none.
keep() {
    cp -a "$1" "$HOME_OF_FAULTS/$FAULT.part"
    mv "$HOME_OF_FAULTS/$FAULT.part" "$HOME_OF_FAULTS/$FAULT.$(basename "$1")"
}

back() {
    if [ -e "$HOME_OF_FAULTS/$FAULT.$(basename "$1")" ]; then
        cp -a "$HOME_OF_FAULTS/$FAULT.$(basename "$1")" "$1"
        rm "$HOME_OF_FAULTS/$FAULT.$(basename "$1")"
    fi
}

# read_again UNIT: it takes up its configuration as it is now, also if it could not start with what it was before
read_again() {
    if systemctl -q is-active "$1"; then
        systemctl kill --signal=SIGHUP --kill-whom=main "$1"
    else
        systemctl reset-failed "$1" 2>/dev/null || true
        systemctl restart "$1"
    fi
}

# rule_file RULE: one more rule for Prometheus
rule_file() {
    printf 'groups: [{name: %s, rules: [%s]}]\n' "$FAULT" "$1" > "/etc/prometheus/rules/$FAULT.rules.yml"
    chgrp prometheus "/etc/prometheus/rules/$FAULT.rules.yml"
    systemctl reload prometheus
}

no_rule_file() {
    if [ -e "/etc/prometheus/rules/$FAULT.rules.yml" ]; then
        rm "/etc/prometheus/rules/$FAULT.rules.yml"
        systemctl reload prometheus
    fi
}

# target_file JOB TEXT: the targets of a job that has none
target_file() {
    test ! -e "/etc/prometheus/targets/$1.yml" # which undoing would remove
    : > "$HOME_OF_FAULTS/$FAULT.made"
    printf '%s\n' "$2" > "$HOME_OF_FAULTS/$FAULT.targets"
    chgrp prometheus "$HOME_OF_FAULTS/$FAULT.targets"
    chmod 0640 "$HOME_OF_FAULTS/$FAULT.targets"
    mv "$HOME_OF_FAULTS/$FAULT.targets" "/etc/prometheus/targets/$1.yml"
}

no_target_file() {
    if [ -e "$HOME_OF_FAULTS/$FAULT.made" ]; then rm -f "/etc/prometheus/targets/$1.yml" "$HOME_OF_FAULTS/$FAULT.made"; fi
}

# target JOB ADDRESS SERVICE [LABELS]: one more target of a job, beside its own; several faults may do so at the same time
target() {
    of="- {targets: ['$2'], labels: {env: lab, service: $3, instance: $FAULT, host: $FAULT${4:+, $4}}}"
    (
        flock 9
        if [ -e "/etc/prometheus/targets/$1.yml" ]; then
            printf '%s\n' "$of" >> "/etc/prometheus/targets/$1.yml"
        else
            target_file "$1" "$of"
        fi
    ) 9< /etc/prometheus/targets
}

no_target() {
    if [ -d /etc/prometheus/targets ]; then
        (
            flock 9
            if [ -e "/etc/prometheus/targets/$1.yml" ]; then
                sed -i "/instance: $FAULT,/d" "/etc/prometheus/targets/$1.yml"
                if [ ! -s "/etc/prometheus/targets/$1.yml" ]; then rm "/etc/prometheus/targets/$1.yml"; fi
                rm -f "$HOME_OF_FAULTS/$FAULT.made"
            fi
        ) 9< /etc/prometheus/targets
    fi
}

PATIENT='__scrape_interval__: 5s, __scrape_timeout__: 5s'
# Labels with which Prometheus waits longer for a target than the second that the lab allows.

# endpoint PORT [SECONDS] [LABELS]: something that answers over HTTP after so many seconds, and is probed
endpoint() {
    cat > "/run/$FAULT.py" <<'PYTHON'
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(sys.argv[2]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
PYTHON
    anew "$FAULT-endpoint"
    systemd-run --quiet --collect --unit="$FAULT-endpoint" python3 "/run/$FAULT.py" "$1" "${2:-0}"
    until_answered "http://127.0.0.1:$1/"
    target blackbox-http "http://127.0.0.1:$1/" mita-fault "${3:-}"
}

no_endpoint() {
    no_target blackbox-http
    rm -f "/run/$FAULT.py"
    later_stopped "$FAULT-endpoint"
}

# later_stopped UNIT...: when Prometheus asks it no more, for it takes up to five seconds to read of that
later_stopped() {
    for unit in "$@"; do
        if systemctl -q is-active "$unit" && ! systemctl -q is-active "$unit-stops.timer"; then
            systemctl kill --signal=CONT "$unit"
            systemd-run --quiet --collect --unit="$unit-stops" --on-active=10 systemctl stop "$unit"
        fi
    done
}

# anew UNIT: what was to be stopped later is stopped now, as it begins again
anew() { systemctl stop "$1-stops.timer" "$1" 2>/dev/null || true; }

# in_turns UP DOWN UNIT: a unit is stopped and started again, all the time, so many seconds each
in_turns() {
    systemd-run --quiet --collect --unit="$FAULT.turns" \
        sh -c "while :; do systemctl stop $3; sleep $2; systemctl start $3; sleep $1; done"
}

# asked_slowly JOB, asked_as_usual JOB: every two seconds, so that an exporter has two for what it cannot reach
asked_slowly() {
    keep "/etc/prometheus/targets/$1.yml"
    sed -i 's/^  labels:$/&\n    __scrape_interval__: 2s\n    __scrape_timeout__: 2s/' "/etc/prometheus/targets/$1.yml"
}

asked_as_usual() { back "/etc/prometheus/targets/$1.yml"; }

# until_answered URL: for half a minute, as a busy machine needs it
until_answered() { curl -sf -o /dev/null --retry 30 --retry-delay 1 --retry-connrefused "$1"; }

# second_prometheus PORT [FLAG]... < configuration: a real one beside the installed one, which asks it how it is
second_prometheus() {
    port=$1 home=/var/tmp/$FAULT
    shift
    mkdir -p "$home"
    cat > "$home/prometheus.yml"
    chown -R prometheus "$home"
    systemd-run --quiet --collect --unit="$FAULT.prometheus" -p User=prometheus prometheus --config.file="$home/prometheus.yml" \
        --storage.tsdb.path="$home/data" --web.listen-address="127.0.0.1:$port" --log.level=error "$@"
    until_answered "http://127.0.0.1:$port/-/ready"
    target prometheus "127.0.0.1:$port" prometheus
}

no_second_prometheus() {
    no_target prometheus
    rm -rf "/var/tmp/$FAULT"
}

# stand_in JOB PORT SERVICE < exposition: one more instance of a job, whose text is this; @N@ counts the seconds since @BEGAN@
stand_in() {
    mkdir -p "/run/$FAULT"
    cat > "/run/$FAULT/text"
    cat > "/run/$FAULT/serve.py" <<'PYTHON'
import http.server, sys, time
text, began = open(sys.argv[1]).read(), time.time()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        now = text.replace("@N@", str(int(time.time() - began))).replace("@BEGAN@", str(int(began * 1000)))
        self.wfile.write(now.encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
PYTHON
    systemd-run --quiet --collect --unit="$FAULT.stand-in" python3 "/run/$FAULT/serve.py" "/run/$FAULT/text" "$2"
    target "$1" "127.0.0.1:$2" "$3"
}

no_stand_in() {
    no_target "$1"
    rm -rf "/run/$FAULT"
}

# busy_processors: /run/$FAULT/stat is the kernel's table of processors, which from now on are busy, a fifth of the time for others
busy_processors() {
    mkdir -p "/run/$FAULT"
    cp /proc/stat "/run/$FAULT/stat"
    # Figures of a processor: user nice system idle iowait irq softirq steal, in hundredths of a second.
    cat > "/run/$FAULT/age.py" <<'PYTHON'
import sys, time
path, began = sys.argv[1], time.time()
lines = open("/proc/stat").read().splitlines()
while True:
    ticks, aged = int((time.time() - began) * 100), []
    for line in lines:
        words = line.split()
        if words[0].startswith("cpu"):
            words[1], words[8] = str(int(words[1]) + int(ticks * 0.8)), str(int(words[8]) + int(ticks * 0.2))
        aged.append(" ".join(words))
    with open(path, "r+") as file:
        file.write("\n".join(aged) + "\n")
        file.truncate()
    time.sleep(0.5)
PYTHON
    systemd-run --quiet --collect --unit="$FAULT.ages" python3 "/run/$FAULT/age.py" "/run/$FAULT/stat"
}

# scarce_memory: /run/$FAULT/meminfo is the kernel's table of memory, of which a twentieth is available
scarce_memory() {
    mkdir -p "/run/$FAULT"
    awk '/^MemTotal/ {total = $2} /^MemAvailable/ {$2 = int(total / 20)} {print}' /proc/meminfo > "/run/$FAULT/meminfo"
}

# many_users: who look at their account for a quarter of a minute
many_users() { curl -s -o /dev/null -m 5 --rate 40/s 'http://127.0.0.1:8080/api/users/1?[1-600]' || true; }

# keep_in_queue NUMBER: so many jobs wait, however many are worked off
keep_in_queue() {
    fill="for i = redis.call('llen', KEYS[1]), $1 do redis.call('rpush', KEYS[1], '{}') end"
    systemd-run --quiet --collect --unit="$FAULT.client" sh -c ". $HOME_OF_FAULTS/helpers.sh
        redis_admin -r -1 -i 0.1 eval \"$fill\" 1 mita:queue:jobs > /dev/null"
}

no_queue() {
    systemctl stop "$FAULT.client.service" 2>/dev/null || true
    redis_admin del mita:queue:jobs
}

# sql STATEMENT [DATABASE]: as the database's administrator; no_sessions ends what a fault has open, whose clients are gone
sql() { (cd / && printf '%s\n' "$1" | su postgres -s /bin/sh -c "psql -qAt -v ON_ERROR_STOP=1 ${2:-mita}"); }

no_sessions() {
    if systemctl -q is-active postgresql; then
        sql "select pg_terminate_backend(pid) from pg_stat_activity where application_name = '$FAULT'" > /dev/null
    fi
}

# redis_admin WORD...: what an administrator says to Redis
redis_admin() { REDISCLI_AUTH=$(sed -n "s/^REDIS_PASSWORD=//p" /etc/redis-exporter/secrets/environment | tr -d '"') redis-cli --no-auth-warning "$@"; }

# redis_set NAME VALUE, redis_back NAME: a setting while the fault lasts
redis_set() {
    was=$(redis_admin config get "$1")
    if [ "$(printf '%s\n' "$was" | head -1)" != "$1" ]; then
        echo "expected Redis to say what $1 is, found: $was" >&2
        return 1
    fi
    printf '%s\n' "$was" | tail -1 > "$HOME_OF_FAULTS/$FAULT.$1"
    test "$(redis_admin config set "$1" "$2")" = OK
}

redis_back() { # for ten seconds: it may start, or its places may be taken
    if [ -e "$HOME_OF_FAULTS/$FAULT.$1" ]; then
        was=$(cat "$HOME_OF_FAULTS/$FAULT.$1")
        for _ in $(seq 50); do
            if [ "$(redis_admin config set "$1" "$was" 2>&1)" = OK ]; then
                rm "$HOME_OF_FAULTS/$FAULT.$1"
                return
            fi
            sleep 0.2
        done
        echo "expected Redis to take $was for $1 in ten seconds" >&2
        return 1
    fi
}

# behave RECEIVER STATUS: how a recording receiver answers from now on; null is as usual
behave() {
    curl -sf -o /dev/null -H 'Content-Type: application/json' -d "{\"receiver\": \"$1\", \"status\": $2, \"delay\": 0}" \
        http://127.0.0.1:9080/behaviour
}

# release_fault NAME JSON, no_release_fault: the live release has this fault of application/faults while the fault lasts
release_fault() {
    manifest=$(readlink -f /opt/mita-backend/current)/manifest.json
    keep "$manifest"
    python3 - "$manifest" "$1" "$2" <<'PYTHON'
import json, sys
path, name, parameters = sys.argv[1:]
manifest = json.load(open(path))
manifest["fault"] = {name: json.loads(parameters)}
open(path, "w").write(json.dumps(manifest))
PYTHON
    systemctl restart mita-backend
}

no_release_fault() {
    back "$(readlink -f /opt/mita-backend/current)/manifest.json"
    systemctl restart mita-backend
}

# other_service PORT SERVICE [FAULT JSON]: the live release of app1 once more, as a service of that name, with a fault of
# application/faults or none, and a few users who register and pay. Its hosts are the monitor, which is to know it from its
# first answer on, with $labels, and app1.
other_service() {
    systemctl stop "$FAULT-leaves.timer" "$FAULT-many" 2>/dev/null || true # of the last time
    anew "$FAULT-service"
    no_target mita-backend
    rm -f "$HOME_OF_FAULTS/$FAULT.leaves"
    if [ ! -d /opt/mita-backend ]; then
        target mita-backend "app1:$1" "$2" "${labels:-}"
        return
    fi
    port=$1
    release=/opt/mita-backend/current
    python3 - "$release/manifest.json" "${3:-}" "${4:-}" > "/run/$FAULT.json" <<'PYTHON'
import json, sys
path, name, parameters = sys.argv[1:]
manifest = json.load(open(path))
manifest["fault"] = {name: json.loads(parameters)} if name else None
print(json.dumps(manifest))
PYTHON
    ( # one after the other: several that start at once keep a small machine from everything else
        flock 9
        systemd-run --quiet --collect --unit="$FAULT-service" -p User=mita-backend -p Group=mita-backend -p KillMode=mixed \
            -p RuntimeDirectory="$FAULT" -p EnvironmentFile=/etc/mita-backend/env \
            env MITA_PORT="$1" MITA_WORKERS=1 MITA_MANIFEST="/run/$FAULT.json" PROMETHEUS_MULTIPROC_DIR="/run/$FAULT/metrics" \
            python3 -I -S /usr/local/lib/mita-backend/start.py "$release"
        until_answered "http://127.0.0.1:$1/health/ready"
    ) 9< "$HOME_OF_FAULTS"
    systemd-run --quiet --collect --unit="$FAULT.users" sh -c ". $HOME_OF_FAULTS/helpers.sh; few_users $1"
}

no_other_service() {
    no_target mita-backend
    rm -f "/run/$FAULT.json"
    later_stopped "$FAULT-service"
}

# few_users PORT: somebody registers and pays, every few seconds
few_users() { while sleep 3; do one_user "$1"; done; }

one_user() {
    registers "$1"
    said "http://127.0.0.1:$1/api/revenue" '{"amount": "1.00"}'
}

registers() { said "http://127.0.0.1:$1/api/register" "{\"email\": \"$(cat /proc/sys/kernel/random/uuid)@example.org\"}"; }

said() { curl -s -o /dev/null -m 5 -H 'Content-Type: application/json' -d "$2" "$1" || true; }

# asked RATE [OPTION of curl]... URLS: by somebody on app1, such as 5/s, once Prometheus has asked the service for its metrics:
# what was counted before is no increase
asked() {
    if [ ! -d /opt/mita-backend ]; then return; fi
    if [ "${asks:-0}" = 0 ]; then until_scraped "$port"; fi
    asks=$((${asks:-0} + 1))
    systemd-run --quiet --collect --unit="$FAULT.asks$asks" curl -s -o /dev/null -m 5 --rate "$@"
}

# until_scraped PORT: somebody of another host is connected to it, and had the time to ask twice
until_scraped() {
    for _ in $(seq 100); do
        if ss -Htn state established "sport = :$1" | awk '{split($3, own, ":"); split($4, other, ":"); if (own[1] != other[1]) found = 1}
            END {exit !found}'; then
            sleep 2
            return
        fi
        sleep 0.2
    done
    echo "expected Prometheus to ask port $1 of $(hostname) for metrics in twenty seconds, found nobody connected" >&2
    return 1
}

# some_time_later SECONDS COMMAND...: on app1
some_time_later() {
    if [ ! -d /opt/mita-backend ]; then return; fi
    systemd-run --quiet --collect --unit="$FAULT.later" sh -c 'sleep "$0"; exec "$@"' "$@"
}

# recovering PORT NUMBER [RATE]: a budget recovers when a service answers so many more well. Prometheus' host asks for them, a
# hundred a second where the machine is quiet, and then looks away at once, as nobody is to be told that they stay away; the
# service ends later
recovering() {
    rate=${3:-100} most_s=$(($2 * 5 / 2 / ${3:-100}))
    leaves=$HOME_OF_FAULTS/$FAULT.leaves # which a boot runs, as it forgets what is to come
    if [ -d /etc/prometheus/targets ]; then
        if grep -qs "instance: $FAULT," /etc/prometheus/targets/mita-backend.yml && ! systemctl -q is-active "$FAULT-many"; then
            leaving > "$leaves"
            systemd-run --quiet --collect --unit="$FAULT-many" sh -c 'timeout "$2" curl -s -o /dev/null -m 5 --rate "$3/s" "$0"
                exec sh "$1"' "http://app1:$1/version?[1-$2]" "$leaves" "${most_s}s" "$rate"
        fi
    elif systemctl -q is-active "$FAULT-service" && ! systemctl -q is-active "$FAULT-leaves.timer"; then
        leaving > "$leaves"
        systemd-run --quiet --collect --unit="$FAULT-leaves" --on-active=$((most_s + 40)) --timer-property=AccuracySec=1s \
            sh "$leaves"
    fi
}

# leaving: what ends the service of this fault, as a script that ends with itself
leaving() {
    printf 'set -e\nFAULT=%s HOME_OF_FAULTS=%s\n. %s/helpers.sh\nno_other_service\nrm -f %s\n' \
        "$FAULT" "$HOME_OF_FAULTS" "$HOME_OF_FAULTS" "$leaves"
}

# deployed_just_now: the daemon is told, as deploy.yml does, that the live release was deployed a moment ago
deployed_just_now() {
    python3 - <<'PYTHON'
import base64, json, urllib.request
secret = open("/etc/mita-rollback/secrets/rollback_admin_secret").read().strip()
login = base64.b64encode(f"admin:{secret}".encode()).decode()
def ask(path, body=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:8000/api/admin/rollback{path}", data=json.dumps(body).encode() if body else None,
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=10))
last = ask("/status")["services"]["mita-backend"]["deployment"]
same = {name: last[name] for name in ("service", "version", "hosts", "checksum", "rollback_safe")}
begun = ask("/deployments", {**same, "override": True})
ask(f"/deployments/{begun['id']}/finish", {"outcome": "live"})
PYTHON
}

# slack_answers STATUS: to every message of the daemon, whose channel's address was kept; slack_as_usual: the channel is again what it was
slack_answers() {
    mkdir -p "/run/$FAULT"
    cat > "/run/$FAULT/slack.py" <<'PYTHON'
import http.server, sys
class Slack(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(sys.argv[1]))
        self.end_headers()
        self.wfile.write(b"invalid_payload")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 9811), Slack).serve_forever()
PYTHON
    systemd-run --quiet --collect --unit="$FAULT.slack" python3 "/run/$FAULT/slack.py" "$1"
    echo http://127.0.0.1:9811/ > /etc/mita-rollback/secrets/slack_webhook_url
    systemctl reload rollback
    sleep 1
}

slack_as_usual() {
    back /etc/mita-rollback/secrets/slack_webhook_url
    systemctl reload-or-restart rollback
}

# proposal_approved: somebody says yes to the rollback that the daemon proposes, if it does and it still fits
proposal_approved() {
    rollbackctl proposals --json | python3 -c 'import json, sys
for one in json.load(sys.stdin)["proposals"]:
    if one["state"] == "open": print(one["id"])' | xargs -r -n 1 rollbackctl approve --by "a fault" > /dev/null || true
}

# trigger_posted: the daemon hears of an alert that begins now and may roll the application back; triggers_over: and that all are over
trigger_posted() {
    at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    printf '{"status": "firing", "startsAt": "%s", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "%016x", "annotations": {}, %s}\n' \
        "$at" "$(date +%s)" '"labels": {"alertname": "CriticalErrorRate", "service": "mita-backend", "env": "lab",
        "severity": "critical", "rollback": "auto", "rollback_trigger": "error_rate_threshold"}' | tr -d '\n' > "/run/$FAULT/alert"
    posted firing < "/run/$FAULT/alert"
    { cat "/run/$FAULT/alert"; echo; } >> "$HOME_OF_FAULTS/$FAULT.posted"
}

triggers_over() {
    if [ -e "$HOME_OF_FAULTS/$FAULT.posted" ]; then
        sed 's/"status": "firing"/"status": "resolved"/' "$HOME_OF_FAULTS/$FAULT.posted" | paste -sd, | posted resolved
        rm "$HOME_OF_FAULTS/$FAULT.posted"
    fi
}

# posted STATUS < alerts: what Alertmanager delivers to the daemon
posted() {
    { printf '{"version": "4", "status": "%s", "alerts": [' "$1"; cat; echo ']}'; } > "$HOME_OF_FAULTS/$FAULT.delivery"
    printf 'user = "alertmanager:%s"\n' "$(cat /etc/alertmanager/secrets/rollback_webhook_secret)" | curl -s -o /dev/null -K - \
        -H 'Content-Type: application/json' -d "@$HOME_OF_FAULTS/$FAULT.delivery" http://127.0.0.1:8000/api/admin/rollback/trigger
    rm "$HOME_OF_FAULTS/$FAULT.delivery"
}

# unpacked PACKAGE...: the files of packages that wait on the host, under /var/tmp/$FAULT; put FILE PLACE: one where it belongs
unpacked() {
    mkdir -p "/var/tmp/$FAULT"
    for package in "$@"; do dpkg -x /var/cache/apt/archives/"$package"_*.deb "/var/tmp/$FAULT"; done
}

put() {
    test ! -e "$2" # what the host has stays
    echo "$2" >> "/var/tmp/$FAULT/places"
    ln -sT "/var/tmp/$FAULT/$1" "$2"
}

# service UNIT 'FILE [WORD]...' [SETTING]...: it runs an unpacked file; started UNIT: what was put there runs
service() {
    unit=$1
    printf '[Service]\nExecStart=/var/tmp/%s/%s\n' "$FAULT" "$2" > "/var/tmp/$FAULT/$unit.service"
    shift 2
    printf '%s\n' "$@" >> "/var/tmp/$FAULT/$unit.service"
    put "$unit.service" "/run/systemd/system/$unit.service"
    started "$unit"
}

started() {
    systemctl daemon-reload
    systemctl start "$1"
}

# no_program: nothing of it runs, and its files are nowhere
no_program() {
    if [ -e "/var/tmp/$FAULT/places" ]; then
        tac "/var/tmp/$FAULT/places" | while read -r place; do
            case $place in
                *.service)
                    if systemctl -q is-active "${place##*/}"; then systemctl stop "${place##*/}"; fi
                    systemctl reset-failed "${place##*/}" 2>/dev/null || true
                    ;;
            esac
            if [ -h "$place" ]; then rm "$place"; fi
        done
        systemctl daemon-reload
    fi
    rm -rf "/var/tmp/$FAULT"
}

# started_again UNIT: unless the program that it belongs to is gone
started_again() {
    if [ -e "/run/systemd/system/$1.service" ]; then systemctl start "$1"; fi
}

# watched JOB PORT: Prometheus asks the program on the host data, and expects it as long as it is there; watched_no_more JOB
watched() {
    rule_file "{record: job:targets:expected, expr: vector(1), labels: {job: $1, service: mita-fault, env: lab}}"
    target "$1" "data:$2" mita-fault '__scrape_interval__: 2s, __scrape_timeout__: 2s'
    for _ in $(seq 100); do
        if curl -sG -d "query=up{instance=\"$FAULT\"}" http://127.0.0.1:9090/api/v1/query | grep -q '"1"'; then return; fi
        sleep 0.2
    done
    echo "expected Prometheus to see the program in twenty seconds, found nothing of it" >&2
    return 1
}

watched_no_more() { # a file that is removed while Prometheus reads its configuration again is remembered for minutes: first it is emptied
    targets=/etc/prometheus/targets/$1.yml
    if grep -qs "instance: $FAULT," "$targets"; then
        (
            flock 9
            sed -i "/instance: $FAULT,/d" "$targets"
            if [ ! -s "$targets" ]; then echo '[]' > "$targets"; fi
        ) 9< /etc/prometheus/targets
        for _ in $(seq 100); do
            if curl -sG -d "query=up{instance=\"$FAULT\"}" http://127.0.0.1:9090/api/v1/query | grep -q '"result":\[\]'; then break; fi
            sleep 0.2
        done
    fi
    if [ "$(cat "$targets" 2>/dev/null)" = '[]' ]; then : > "$targets"; fi
    no_target "$1"
    no_rule_file
}

# pushed JOB < exposition: as a job does to the gateway, which may be starting
pushed() {
    curl -sf --retry 50 --retry-delay 0 --retry-connrefused --retry-max-time 10 --data-binary @- "http://127.0.0.1:9091/metrics/job/$1"
}

# a_week_ago SERIES VALUE: what Prometheus has of a week of the lab ago and half an hour from then on, when it was not there yet
a_week_ago() {
    if [ ! -d /etc/prometheus/rules ]; then return; fi
    storage=/var/lib/prometheus/metrics2 home=/var/lib/prometheus/$FAULT at=$(($(date +%s) - 7 * 24 * 240))
    oldest=$(sed -n 's/^\t*"minTime": \([0-9]*\).*/\1/p' "$storage"/*/meta.json 2>/dev/null | sort -n | head -1)
    if [ "${oldest:-${at}999999}" -lt "$((at + 1800))000" ]; then
        echo "expected a lab younger than eleven hours, one of its weeks, found one with samples of then: make down, then up" >&2
        return 1
    fi
    mkdir -p "$home"
    { echo "# TYPE ${1%%{*} gauge"; seq "$((at - 300))" 15 "$((at + 1800))" | sed "s/^/$1 $2 /"; echo '# EOF'; } > "$home/text"
    promtool tsdb create-blocks-from openmetrics "$home/text" "$home/blocks" > /dev/null
    ls "$home/blocks" > "$HOME_OF_FAULTS/$FAULT.blocks"
    chown -R prometheus: "$home/blocks"
    mv "$home/blocks"/* "$storage"
    rm -r "$home"
}

no_week_ago() {
    if [ -e "$HOME_OF_FAULTS/$FAULT.blocks" ]; then
        mkdir -p "/var/lib/prometheus/$FAULT" # whole at once: Prometheus may be reading
        while read -r block; do
            if [ -d "/var/lib/prometheus/metrics2/$block" ]; then
                mv "/var/lib/prometheus/metrics2/$block" "/var/lib/prometheus/$FAULT"
            fi
        done < "$HOME_OF_FAULTS/$FAULT.blocks"
        rm "$HOME_OF_FAULTS/$FAULT.blocks"
    fi
    rm -rf "/var/lib/prometheus/$FAULT"
}
