-- Service and environment are the key of everything; what was written before has no environment yet: '' until the
-- daemon's first start, which gives it its own. A release has a standing, a rollback knows its hosts, and people can
-- freeze, approve, close and acknowledge.

CREATE TABLE new_releases (
  service TEXT NOT NULL,
  env TEXT NOT NULL,
  version TEXT NOT NULL,
  rollback_safe INTEGER NOT NULL CHECK (rollback_safe IN (0, 1)),
  checksum TEXT NOT NULL DEFAULT '',
  live_at TEXT,
  deployed_at TEXT,
  standing TEXT NOT NULL DEFAULT 'unproven' CHECK (standing IN ('unproven', 'good', 'suspect', 'rejected')),
  standing_at TEXT,
  standing_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (service, env, version)
) STRICT;
INSERT INTO new_releases (service, env, version, rollback_safe, checksum, live_at, deployed_at, standing, standing_at, standing_by)
  SELECT r.service, '', r.version, r.rollback_safe,
    coalesce((SELECT d.checksum FROM deployments AS d WHERE d.service = r.service AND d.version = r.version
              ORDER BY d.id DESC LIMIT 1), ''),
    r.live_at,
    (SELECT max(d.started_at) FROM deployments AS d WHERE d.service = r.service AND d.version = r.version),
    iif(r.rejected_at IS NULL, 'unproven', 'rejected'), r.rejected_at, iif(r.rejected_at IS NULL, '', 'a rollback')
  FROM releases AS r;

CREATE TABLE new_deployments (
  id INTEGER PRIMARY KEY,
  service TEXT NOT NULL,
  env TEXT NOT NULL,
  version TEXT NOT NULL,
  hosts TEXT NOT NULL,
  checksum TEXT NOT NULL,
  rollback_safe INTEGER NOT NULL CHECK (rollback_safe IN (0, 1)),
  override INTEGER NOT NULL CHECK (override IN (0, 1)),
  started_at TEXT NOT NULL,
  heard_at TEXT NOT NULL,
  finished_at TEXT,
  outcome TEXT CHECK (outcome IN ('live', 'failed', 'abandoned')),
  detail TEXT NOT NULL DEFAULT '',
  CHECK ((outcome IS NULL) = (finished_at IS NULL)),
  FOREIGN KEY (service, env, version) REFERENCES releases (service, env, version) ON UPDATE CASCADE
) STRICT;
INSERT INTO new_deployments
  SELECT id, service, '', version, hosts, checksum, rollback_safe, override, started_at, started_at, finished_at, outcome, detail
  FROM deployments;

CREATE TABLE new_decisions (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  service TEXT NOT NULL,
  env TEXT NOT NULL,
  alertname TEXT NOT NULL,
  rollback_trigger TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('roll_back', 'propose', 'ignore', 'hold')),
  reason TEXT NOT NULL,
  alerts INTEGER NOT NULL DEFAULT 1,
  deployment_id INTEGER REFERENCES deployments (id),
  told_at TEXT,
  body TEXT NOT NULL
) STRICT;
INSERT INTO new_decisions
  SELECT id, at, service, '', coalesce(json_extract(body, '$.facts.alert.labels.alertname'), ''), rollback_trigger, verdict, reason,
    1, deployment_id, NULL, body
  FROM decisions;

CREATE TABLE new_rollbacks (
  id INTEGER PRIMARY KEY,
  service TEXT NOT NULL,
  env TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT 'rollback' CHECK (kind IN ('rollback', 'repair')),
  phase TEXT NOT NULL
    CHECK (phase IN ('pending', 'running', 'verifying', 'succeeded', 'unverified', 'failed', 'called_off')),
  from_version TEXT NOT NULL,
  to_version TEXT NOT NULL CHECK (to_version <> from_version),
  decision_id INTEGER NOT NULL REFERENCES decisions (id),
  deployment_id INTEGER REFERENCES deployments (id),
  attempt INTEGER NOT NULL DEFAULT 0,
  requested_at TEXT NOT NULL,
  asked_by TEXT NOT NULL DEFAULT '',
  only_hosts TEXT NOT NULL DEFAULT '[]',
  changed_at TEXT NOT NULL,
  started_at TEXT,
  restored_at TEXT,
  finished_at TEXT,
  detail TEXT NOT NULL DEFAULT '',
  results TEXT NOT NULL DEFAULT '[]',
  moved INTEGER NOT NULL DEFAULT 0 CHECK (moved IN (0, 1)),
  verdict TEXT CHECK (verdict IN ('fixed', 'not_fixed', 'worse', 'blind')),
  verification TEXT,
  acknowledged_at TEXT,
  acknowledged_by TEXT NOT NULL DEFAULT '',
  CHECK ((phase IN ('succeeded', 'unverified', 'failed', 'called_off')) = (finished_at IS NOT NULL)),
  CHECK ((phase = 'succeeded') = (verdict IS NOT NULL AND verdict = 'fixed')),
  CHECK (phase <> 'unverified' OR verdict IS NOT NULL)
) STRICT;
-- What a rollback of the former schema changed is not known: one that was restored has moved hosts, and so may have
-- one that failed.
INSERT INTO new_rollbacks (id, service, env, phase, from_version, to_version, decision_id, deployment_id, attempt,
    requested_at, changed_at, started_at, restored_at, finished_at, detail, moved, verdict, verification)
  SELECT id, service, '', phase, from_version, to_version, decision_id, deployment_id, attempt,
    requested_at, changed_at, started_at, restored_at, finished_at, detail, 1, verdict, verification
  FROM rollbacks;

DROP TABLE rollbacks;
DROP TABLE decisions;
DROP TABLE deployments;
DROP TABLE releases;
ALTER TABLE new_releases RENAME TO releases;
ALTER TABLE new_deployments RENAME TO deployments;
ALTER TABLE new_decisions RENAME TO decisions;
ALTER TABLE new_rollbacks RENAME TO rollbacks;

CREATE UNIQUE INDEX one_open_deployment_per_service ON deployments (service, env) WHERE outcome IS NULL;
CREATE INDEX decisions_by_service ON decisions (service, env, id);
CREATE INDEX decisions_by_deployment ON decisions (deployment_id, id);
CREATE UNIQUE INDEX one_active_rollback_per_service ON rollbacks (service, env)
  WHERE phase IN ('pending', 'running', 'verifying');
-- An attempt that moved no host does not use up the deployment's one rollback.
CREATE UNIQUE INDEX one_rollback_per_deployment ON rollbacks (deployment_id)
  WHERE kind = 'rollback' AND asked_by = '' AND (moved = 1 OR phase IN ('pending', 'running', 'verifying'));
CREATE INDEX rollbacks_by_service ON rollbacks (service, env, id);

ALTER TABLE ledger ADD COLUMN env TEXT NOT NULL DEFAULT '';
CREATE INDEX inbox_by_decision ON inbox (decision_id) WHERE state = 'held';

CREATE TABLE freezes (
  id INTEGER PRIMARY KEY,
  service TEXT NOT NULL,
  env TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason <> ''),
  asked_by TEXT NOT NULL CHECK (asked_by <> ''),
  since TEXT NOT NULL,
  until TEXT NOT NULL CHECK (until > since),
  ended_at TEXT,
  ended_by TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX one_freeze_per_service ON freezes (service, env) WHERE ended_at IS NULL;

CREATE TABLE breakers (
  id INTEGER PRIMARY KEY,
  service TEXT NOT NULL,
  env TEXT NOT NULL,
  cause TEXT NOT NULL CHECK (cause IN ('repeated', 'fruitless')),
  why TEXT NOT NULL,
  opened_at TEXT NOT NULL,
  closed_at TEXT,
  closed_by TEXT NOT NULL DEFAULT '',
  note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX one_open_breaker_per_service ON breakers (service, env) WHERE closed_at IS NULL;

CREATE TABLE proposals (
  id INTEGER PRIMARY KEY REFERENCES decisions (id),
  service TEXT NOT NULL,
  env TEXT NOT NULL,
  deployment_id INTEGER REFERENCES deployments (id),
  from_version TEXT NOT NULL,
  to_version TEXT,
  state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'withdrawn')),
  at TEXT NOT NULL,
  answered_at TEXT,
  answered_by TEXT NOT NULL DEFAULT '',
  note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX one_open_proposal_per_service ON proposals (service, env) WHERE state = 'open';
CREATE INDEX proposals_by_deployment ON proposals (deployment_id);

CREATE TABLE rehearsals (
  service TEXT NOT NULL,
  env TEXT NOT NULL,
  host TEXT NOT NULL,
  ok INTEGER NOT NULL CHECK (ok IN (0, 1)),
  at TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '',
  live TEXT,
  PRIMARY KEY (service, env, host)
) STRICT;
