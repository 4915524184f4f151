"""Anybody's rules, routes and service proven: one file, real servers on loopback, nothing of ours in it.

A copy of the Alertmanager file sends to recording stand-ins instead of to the outside world; who must hear of
an alert is read from the same file. The file of a team, bench.yml, has these:

    rules: [shop.rules.yml]             # files, or patterns of files
    alertmanager: alertmanager.yml      # addresses and secrets in it are replaced, all else stays
    interval: 1s                        # of scrapes and evaluations; 15s where nothing is said
    service:
      start: exec python3 shop.py       # /bin/sh, in the folder of this file, as are all commands
      port: 8123                        # a free one where nothing is said; commands have it as $PORT
      health: /healthy                  # answers 2xx when the service is ready
      metrics: /metrics
      job: shop                         # the label of its series, as are these:
      labels: {env: test}
    load: {file: load.py, users: 2}     # a locustfile
    faults:
      payments-fail:
        proves: [ShopPaymentsFail]      # they must fire, and reach exactly their receivers
        may: [ShopSlow]                 # what else it may cause
        inject: curl -sf -X POST "$SERVICE/break"
        holds: curl -sf "$SERVICE/broken"           # succeeds while the fault is there
        undo: curl -sf -X POST "$SERVICE/mend"      # may be run twice
        within: 1m                      # to fire; computed from the rule where nothing is said
    told: {ShopPaymentsFail: [pager, chat]}         # the receivers you mean: the routes must say the same
    expected: {Watchdog: it is the heartbeat}       # fires without a fault, for this reason
"""
