#!/bin/bash
# Metrics of the agent and of check, by a real node exporter; alert rules, by promtool and a real
# Prometheus.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh

PATH=/opt/usr/bin:$PATH
rules=/source/packaging/prometheus/rpfpolicy.rules.yml
collected=/var/lib/prometheus/node-exporter

expect "the alert rules are sound" promtool check rules "$rules"
expect "and raise what they shall" promtool test rules "${rules%.yml}.test.yml"

install_our_packages rpfpolicy rpfpolicy-agent
add_device lxc1 2
add_device eno1 0
cat >/etc/rpfpolicy.d/10-node.conf <<'POLICY'
[agent]
mode = enforce
metrics-file = /run/rpfpolicy/agent.prom
[rp_filter]
lxc*   = off
"q\"*  = loose
obs*   = strict, observe
*      = strict
POLICY

# As the page says.
mkdir -p "$collected"
cp /source/packaging/prometheus/rpfpolicy-check.{service,timer} /etc/systemd/system
cp /source/packaging/prometheus/rpfpolicy.tmpfiles /etc/tmpfiles.d/rpfpolicy-prometheus.conf
systemd-tmpfiles --create rpfpolicy-prometheus.conf
systemctl daemon-reload
expect "the units are sound" systemd-analyze verify --man=no rpfpolicy-check.service rpfpolicy-check.timer
expect "the policy is accepted" rpfpolicy accept
systemctl restart rpfpolicy-agent
eventually "the agent has put lxc1 right" has lxc1 0
add_device obs1 0
ip link add name lxc2 type bridge
eventually "and a new one" has lxc2 0
expect "check runs by its timer's service" systemctl start rpfpolicy-check
expect "the timer can be enabled" systemctl enable -q --now rpfpolicy-check.timer

prometheus-node-exporter --collector.disable-defaults --collector.textfile \
    --collector.textfile.directory="$collected" --web.listen-address=127.0.0.1:9100 2>/out/exporter &
exporter=$!

scrape() {
    curl -sf http://127.0.0.1:9100/metrics >/out/metrics
}

# scraped REGEX: such a line was there in a scrape made now.
scraped() {
    scrape && grep -Eq -- "$1" /out/metrics
}

every_metric_of_the_rules() {
    local name missing=0

    scrape
    while read -r name; do
        grep -qE "^${name}( |\{)" /out/metrics || missing=$((missing + 1))
    done < <(grep -v '#' "$rules" | grep -oE 'rpfpolicy_[a-z_]+' | sort -u)
    [ "$missing" = 0 ]
}

promtool_likes_them() {
    cat "$collected"/*.prom | promtool check metrics
}

eventually "the exporter answers" scrape
eventually "it reads our files" scraped '^node_textfile_scrape_error 0$'
expect "the check's" scraped '^node_textfile_mtime_seconds\{file=".*/rpfpolicy.prom"\}'
eventually "and the agent's" scraped '^node_textfile_mtime_seconds\{file=".*/rpfpolicy-agent.prom"\}'

expect "a drifted device is counted with its rule" \
    scraped '^rpfpolicy_keys\{key="rp_filter",rule="obs\*=strict",state="drift"\} 1$'
expect "a rule without devices, too" \
    scraped '^rpfpolicy_keys\{key="rp_filter",rule="\\"q\\\\x5C\\"\*=loose",state="ok"\} 0$'
expect "and one that is honoured" \
    scraped '^rpfpolicy_keys\{key="rp_filter",rule="lxc\*=off",state="ok"\} 2$'
expect "the policy on disk" scraped '^rpfpolicy_policy_info\{hash="[0-9a-f]{16}",mode="enforce",.*\} 1$'
expect "the policy in force" \
    scraped '^rpfpolicy_agent_policy_info\{hash="[0-9a-f]{16}",mode="enforce",.*\} 1$'
eventually "the agent counts the drift" scraped '^rpfpolicy_agent_devices\{state="drift"\} 1$'
expect "its writes" scraped '^rpfpolicy_agent_writes_total\{cause="(new|repair)",key="rp_filter"\} [1-9]'
expect "and its reaction time" scraped '^rpfpolicy_agent_reaction_seconds_bucket\{le="\+Inf"\} [1-9]'
expect "the two policies are one" test "$(grep -Eo '^rpfpolicy_(agent_)?policy_info\{hash="[0-9a-f]+' \
    /out/metrics | cut -d'"' -f2 | uniq | wc -l)" = 1
eventually "the metric of every alert is there" every_metric_of_the_rules
expect "promtool has nothing against them" promtool_likes_them

# A real Prometheus reads them and works the rules out; what is judged is that it finds nothing wrong.
cat >/out/prometheus.yml <<CONFIG
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [$rules]
scrape_configs:
  - job_name: node
    static_configs: [{ targets: ["127.0.0.1:9100"] }]
CONFIG
prometheus --config.file=/out/prometheus.yml --storage.tsdb.path=/tmp/prometheus \
    --web.listen-address=127.0.0.1:9090 2>/out/prometheus.log &
prometheus=$!

query() {
    curl -sf http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1" |
        jq -e ".data.result[] | select($2)" >/dev/null
}

rules_work() {
    curl -sf http://127.0.0.1:9090/api/v1/rules |
        jq -e '[.data.groups[].rules[]] | length >= 9 and all(.health == "ok")' >/dev/null
}

eventually "Prometheus has the series" query 'rpfpolicy_keys{state="drift"} > 0' \
    '.metric.rule == "obs*=strict"'
eventually "every rule can be worked out" rules_work
eventually "the drift waits to become an alert" query 'ALERTS{alertstate="pending"}' \
    '.metric.alertname == "RpfpolicyDrift"'
kill "$prometheus"
wait "$prometheus"

# A broken policy: the old figures stay, and grow old.
before=$(stat -c %Y "$collected/rpfpolicy.prom")
echo '* = strictt' >>/etc/rpfpolicy.d/10-node.conf
expect "the check of a broken policy fails" test "$(systemctl start rpfpolicy-check 2>&1 | wc -l)" -gt 0
expect "and leaves the figures" test "$(stat -c %Y "$collected/rpfpolicy.prom")" = "$before"
expect "the exporter still reads them" scraped '^node_textfile_scrape_error 0$'
kill "$exporter"
wait "$exporter"
inside_end
