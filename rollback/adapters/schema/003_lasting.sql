-- What fails again and again is set aside; what is old enough goes, and the counts of it stay.

CREATE TABLE new_inbox (
  id INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('firing', 'resolved')),
  alert TEXT NOT NULL,
  source TEXT NOT NULL,
  received_at TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'held', 'decided', 'set_aside')),
  decision_id INTEGER REFERENCES decisions (id),
  evaluated_at TEXT,
  CHECK (state IN ('pending', 'set_aside') OR decision_id IS NOT NULL),
  UNIQUE (fingerprint, starts_at, status)
) STRICT;
INSERT INTO new_inbox
  SELECT id, fingerprint, starts_at, status, alert, source, received_at, state, decision_id, evaluated_at FROM inbox;
DROP TABLE inbox;
ALTER TABLE new_inbox RENAME TO inbox;
CREATE INDEX inbox_pending ON inbox (id) WHERE state = 'pending';
CREATE INDEX inbox_held ON inbox (starts_at) WHERE state = 'held';

-- The same unreadable alert is delivered again and again, and kept once.
ALTER TABLE quarantine ADD COLUMN digest TEXT NOT NULL DEFAULT '';
CREATE INDEX quarantine_by_digest ON quarantine (digest);

-- What was counted of records that are gone: /metrics adds it to what is still there.
CREATE TABLE tallies (
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (name, key)
) STRICT;

-- The ledger loses its old end and nothing else: what is from before the mark `kept since`.
DROP TRIGGER ledger_is_never_cut;
CREATE TRIGGER ledger_is_cut_at_its_old_end_only BEFORE DELETE ON ledger
  WHEN OLD.at >= coalesce((SELECT at FROM marks WHERE name = 'kept since'), '')
  BEGIN SELECT RAISE (ABORT, 'the ledger is append-only'); END;

-- By age, and so that a record which others point to is found to be needed without a search.
CREATE INDEX inbox_by_age ON inbox (received_at);
CREATE INDEX inbox_by_decision ON inbox (decision_id);
CREATE INDEX quarantine_by_age ON quarantine (at);
CREATE INDEX ledger_by_age ON ledger (at);
CREATE INDEX notices_by_age ON notices (created_at);
CREATE INDEX decisions_by_age ON decisions (at);
CREATE INDEX rollbacks_by_age ON rollbacks (finished_at);
CREATE INDEX rollbacks_by_decision ON rollbacks (decision_id);
CREATE INDEX rollbacks_by_deployment ON rollbacks (deployment_id);
CREATE INDEX deployments_by_release ON deployments (service, env, version);
