BEGIN TRANSACTION;
CREATE TABLE account (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	role TEXT NOT NULL, 
	password_hash TEXT NOT NULL, 
	created_at VARCHAR(32) NOT NULL, subject_hash TEXT, sites TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_account PRIMARY KEY (id), 
	CONSTRAINT ck_account_role_is_known CHECK (role IN ('reader', 'administrator')), 
	CONSTRAINT uq_account_name_key UNIQUE (name_key)
);
INSERT INTO "account" VALUES(1,'x','x','reader','x','2026-03-01T11:00:00.000000+00:00',NULL,'');
CREATE TABLE action (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	person TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	undoes INTEGER, 
	override_before TEXT NOT NULL, 
	read_state_before TEXT NOT NULL, 
	read_by_before TEXT, 
	read_at_before VARCHAR(32), 
	CONSTRAINT pk_action PRIMARY KEY (id), 
	CONSTRAINT fk_action_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT fk_action_undoes FOREIGN KEY(undoes) REFERENCES action (id), 
	CONSTRAINT uq_action_undoes UNIQUE (undoes)
);
INSERT INTO "action" VALUES(1,1,'2026-03-01T11:00:00.000000+00:00','x','x','x',NULL,'x','x',NULL,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0034');
CREATE TABLE assignment (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	person TEXT NOT NULL, 
	assignee TEXT NOT NULL, 
	CONSTRAINT pk_assignment PRIMARY KEY (id), 
	CONSTRAINT fk_assignment_study_id FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "assignment" VALUES(1,1,'2026-03-01T11:00:00.000000+00:00','x','x');
CREATE TABLE association (
	id INTEGER NOT NULL, 
	receiver TEXT NOT NULL, 
	peer TEXT NOT NULL, 
	calling_ae_title TEXT NOT NULL, 
	opened_at VARCHAR(32) NOT NULL, 
	closed_at VARCHAR(32), 
	CONSTRAINT pk_association PRIMARY KEY (id)
);
INSERT INTO "association" VALUES(1,'x','x','x','2026-03-01T11:00:00.000000+00:00',NULL);
CREATE TABLE association_study (
	study_id INTEGER NOT NULL, 
	association_id INTEGER NOT NULL, instances INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_association_study PRIMARY KEY (study_id, association_id), 
	CONSTRAINT fk_association_study_association_id FOREIGN KEY(association_id) REFERENCES association (id), 
	CONSTRAINT fk_association_study_study_id FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "association_study" VALUES(1,1,0);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	event TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	person TEXT NOT NULL, 
	address TEXT NOT NULL, 
	source TEXT NOT NULL, 
	study_uid TEXT, 
	target TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id), 
	CONSTRAINT ck_audit_outcome_is_known CHECK (outcome IN ('success', 'failure'))
);
INSERT INTO "audit" VALUES(1,'2026-03-01T11:00:00.000000+00:00','x','success','x','x','x',NULL,'x','x','x');
CREATE TABLE audit_sent (
	id INTEGER NOT NULL, 
	last_id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_audit_sent PRIMARY KEY (id), 
	CONSTRAINT ck_audit_sent_only_one CHECK (id = 1)
);
INSERT INTO "audit_sent" VALUES(1,1,'2026-03-01T11:00:00.000000+00:00');
CREATE TABLE commitment_report (
	id INTEGER NOT NULL, 
	transaction_key TEXT NOT NULL, 
	ae_title TEXT NOT NULL, 
	report TEXT NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	next_attempt_at VARCHAR(32) NOT NULL, 
	courier TEXT, 
	lease_expires_at VARCHAR(32), 
	sent_at VARCHAR(32), 
	error TEXT, 
	CONSTRAINT pk_commitment_report PRIMARY KEY (id), 
	CONSTRAINT ck_commitment_report_sent_has_a_time CHECK ((state = 'SENT') = (sent_at IS NOT NULL)), 
	CONSTRAINT ck_commitment_report_state_is_known CHECK (state IN ('PENDING', 'SENT', 'DEAD')), 
	CONSTRAINT uq_commitment_report_transaction_key UNIQUE (transaction_key)
);
INSERT INTO "commitment_report" VALUES(1,'x','x','{"transaction_uid": "2.25.9", "failed": [], "committed": [{"sop_class_uid": "1.2.840.10008.5.1.4.1.1.2", "sop_instance_uid": "1.2.826.0.3.1.1"}]}','PENDING',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,NULL,NULL);
CREATE TABLE configuration (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	sha256 TEXT NOT NULL, 
	text TEXT NOT NULL, 
	person TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	difference TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_configuration PRIMARY KEY (id), 
	CONSTRAINT ck_configuration_verdict_is_known CHECK (verdict IN ('taken', 'taken in part', 'rejected'))
);
INSERT INTO "configuration" VALUES(1,'2026-03-01T11:00:00.000000+00:00','x','x','x','taken','x','x');
CREATE TABLE "conflict" (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	sop_instance_uid TEXT NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	detail TEXT NOT NULL, removal_id INTEGER, 
	CONSTRAINT pk_conflict PRIMARY KEY (id), 
	CONSTRAINT fk_conflict_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT uq_conflict_study_id_sop_instance_uid_sha256_kind UNIQUE (study_id, sop_instance_uid, sha256, kind)
);
INSERT INTO "conflict" VALUES(1,1,'other-content','x','x','x','2026-03-01T11:00:00.000000+00:00','x',NULL);
CREATE TABLE derived (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	sop_instance_uid TEXT NOT NULL, 
	sop_class_uid TEXT NOT NULL, 
	transfer_syntax_uid TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, second_result_id INTEGER, removal_id INTEGER, 
	CONSTRAINT pk_derived PRIMARY KEY (id), 
	CONSTRAINT fk_derived_result_id FOREIGN KEY(result_id) REFERENCES result (id), 
	CONSTRAINT fk_derived_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT uq_derived_sop_instance_uid UNIQUE (sop_instance_uid)
);
INSERT INTO "derived" VALUES(1,1,1,'2.25.1','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','sr','p/1','ab',NULL,NULL);
INSERT INTO "derived" VALUES(2,1,1,'2.25.2','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','seg','p/2','ab',NULL,NULL);
INSERT INTO "derived" VALUES(3,1,1,'2.25.3','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','sc','p/3','ab',NULL,NULL);
INSERT INTO "derived" VALUES(4,1,2,'2.25.4','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','sr','p/4','ab',NULL,NULL);
INSERT INTO "derived" VALUES(5,1,2,'2.25.5','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','seg','p/5','ab',NULL,NULL);
CREATE TABLE drawing (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	draft_path TEXT NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	not_before VARCHAR(32), 
	worker TEXT, 
	lease_expires_at VARCHAR(32), 
	error TEXT, removal_id INTEGER, 
	CONSTRAINT pk_drawing PRIMARY KEY (id), 
	CONSTRAINT fk_drawing_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT fk_drawing_result_id FOREIGN KEY(result_id) REFERENCES result (id), 
	CONSTRAINT uq_drawing_result_id UNIQUE (result_id)
);
INSERT INTO "drawing" VALUES(1,1,1,'x','x',1,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE event (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	event TEXT NOT NULL, 
	state_before TEXT, 
	state_after TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_event PRIMARY KEY (id), 
	CONSTRAINT fk_event_study_id FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "event" VALUES(1,1,'2026-03-01T11:00:00.000000+00:00','x',NULL,'x',1,'x');
CREATE TABLE inspection (
	id INTEGER NOT NULL, 
	folder TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_inspection PRIMARY KEY (id), 
	CONSTRAINT ck_inspection_only_one CHECK (id = 1)
);
INSERT INTO "inspection" VALUES(1,'x','2026-03-01T11:00:00.000000+00:00');
CREATE TABLE instance (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	series_uid TEXT NOT NULL, 
	series_uid_sent TEXT, 
	sop_instance_uid TEXT NOT NULL, 
	sop_instance_uid_sent TEXT, 
	transfer_syntax_uid TEXT NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	received_at VARCHAR(32) NOT NULL, 
	image TEXT NOT NULL, removal_id INTEGER, 
	CONSTRAINT pk_instance PRIMARY KEY (id), 
	CONSTRAINT fk_instance_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT uq_instance_sop_instance_uid_study_id UNIQUE (sop_instance_uid, study_id)
);
INSERT INTO "instance" VALUES(1,1,'2.25.1',NULL,'2.25.91',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "SR"}',NULL);
INSERT INTO "instance" VALUES(2,1,'2.25.2',NULL,'2.25.92',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "DX", "rows": 512}',NULL);
INSERT INTO "instance" VALUES(3,1,'2.25.2',NULL,'2.25.93',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "MG", "rows": 512}',NULL);
INSERT INTO "instance" VALUES(4,1,'2.25.3',NULL,'2.25.94',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "CT", "rows": 512}',NULL);
INSERT INTO "instance" VALUES(5,2,'2.25.4',NULL,'2.25.95',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "MR", "rows": 512}',NULL);
CREATE TABLE measurement (
	result_id INTEGER NOT NULL, 
	concept TEXT NOT NULL, 
	site TEXT NOT NULL, 
	value FLOAT NOT NULL, 
	number INTEGER NOT NULL, 
	CONSTRAINT pk_measurement PRIMARY KEY (result_id, concept, site), 
	CONSTRAINT fk_measurement_result_id FOREIGN KEY(result_id) REFERENCES result (id)
);
INSERT INTO "measurement" VALUES(1,'severity','',0.4,0);
INSERT INTO "measurement" VALUES(2,'severity','',0.5,0);
INSERT INTO "measurement" VALUES(2,'affected_share','right',0.5,1);
INSERT INTO "measurement" VALUES(2,'affected_share','left',0.1,2);
INSERT INTO "measurement" VALUES(2,'total_share','total',0.3,3);
INSERT INTO "measurement" VALUES(2,'lung_volume','right',2000.0,4);
INSERT INTO "measurement" VALUES(2,'lung_volume','left',1500.0,5);
INSERT INTO "measurement" VALUES(2,'lungs_volume','',3500.0,6);
INSERT INTO "measurement" VALUES(2,'affected_volume','',1050.0,7);
INSERT INTO "measurement" VALUES(2,'dense_share','',0.25,8);
CREATE TABLE missing_file (
	path TEXT NOT NULL, 
	folder TEXT NOT NULL, 
	problem TEXT NOT NULL, 
	found_at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_missing_file PRIMARY KEY (path)
);
INSERT INTO "missing_file" VALUES('x','x','x','2026-03-01T11:00:00.000000+00:00');
CREATE TABLE negotiated (
	destination TEXT NOT NULL, 
	asked_at VARCHAR(32) NOT NULL, 
	accepted TEXT NOT NULL, 
	CONSTRAINT pk_negotiated PRIMARY KEY (destination)
);
INSERT INTO "negotiated" VALUES('x','2026-03-01T11:00:00.000000+00:00','{}');
CREATE TABLE opening (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	person TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_opening PRIMARY KEY (id), 
	CONSTRAINT fk_opening_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT uq_opening_study_id_person UNIQUE (study_id, person)
);
INSERT INTO "opening" VALUES(1,1,'x','2026-03-01T11:00:00.000000+00:00');
CREATE TABLE "outbox" (
	id INTEGER NOT NULL, 
	derived_id INTEGER NOT NULL, 
	destination TEXT NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	next_attempt_at VARCHAR(32) NOT NULL, 
	courier TEXT, 
	lease_expires_at VARCHAR(32), 
	sent_at VARCHAR(32), 
	error TEXT, 
	commitment_uid TEXT, 
	commitment_asked_at VARCHAR(32), 
	committed_at VARCHAR(32), 
	commitment_failures INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT ck_outbox_sent_has_a_time CHECK ((state = 'SENT') = (sent_at IS NOT NULL)), 
	CONSTRAINT fk_outbox_derived_id FOREIGN KEY(derived_id) REFERENCES derived (id), 
	CONSTRAINT uq_outbox_derived_id_destination UNIQUE (derived_id, destination), 
	CONSTRAINT ck_outbox_state_is_known CHECK (state IN ('PENDING', 'SENT', 'DEAD', 'REFUSED', 'WITHDRAWN')), 
	CONSTRAINT ck_outbox_committed_was_sent CHECK (committed_at IS NULL OR state = 'SENT')
);
INSERT INTO "outbox" VALUES(1,1,'pacs','WITHDRAWN',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,NULL,'superseded before it was sent',NULL,NULL,NULL,0);
INSERT INTO "outbox" VALUES(2,2,'pacs','SENT',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,'2026-03-01T11:00:00.000000+00:00',NULL,NULL,NULL,NULL,0);
INSERT INTO "outbox" VALUES(3,3,'pacs','PENDING',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00','courier','2026-03-01T11:05:00.000000+00:00',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "outbox" VALUES(4,4,'pacs','SENT',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,'2026-03-01T11:00:00.000000+00:00',NULL,NULL,NULL,NULL,0);
INSERT INTO "outbox" VALUES(5,5,'pacs','DEAD',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE pause (
	what TEXT NOT NULL, 
	target TEXT NOT NULL, 
	person TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	since VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_pause PRIMARY KEY (what, target), 
	CONSTRAINT ck_pause_what_is_known CHECK (what IN ('receiving', 'sending'))
);
INSERT INTO "pause" VALUES('receiving','x','x','x','2026-03-01T11:00:00.000000+00:00');
CREATE TABLE policy (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	settings TEXT NOT NULL, 
	trusted BOOLEAN NOT NULL, 
	reasons TEXT NOT NULL, 
	cause TEXT NOT NULL, set_aside TEXT DEFAULT '{}' NOT NULL, distrusted TEXT DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_policy PRIMARY KEY (id)
);
INSERT INTO "policy" VALUES(1,'2026-03-01T11:00:00.000000+00:00','{}',1,'[]','x','{}','{}');
CREATE TABLE preference (
	person_key TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_preference PRIMARY KEY (person_key, name)
);
INSERT INTO "preference" VALUES('x','x','x');
CREATE TABLE pulse (
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	beat TEXT NOT NULL, 
	hung TEXT NOT NULL, 
	CONSTRAINT pk_pulse PRIMARY KEY (name)
);
INSERT INTO "pulse" VALUES('x','x','x','x');
CREATE TABLE push (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	receiver TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	occasion TEXT NOT NULL, 
	class_before TEXT NOT NULL, 
	class_after TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	result_id INTEGER, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt_at VARCHAR(32) NOT NULL, 
	courier TEXT, 
	lease_expires_at VARCHAR(32), 
	sent_at VARCHAR(32), 
	error TEXT, 
	CONSTRAINT pk_push PRIMARY KEY (id), 
	CONSTRAINT ck_push_occasion_is_known CHECK (occasion IN ('class_change', 'result')), 
	CONSTRAINT ck_push_state_is_known CHECK (state IN ('PENDING', 'SENT', 'DEAD', 'REFUSED', 'WITHDRAWN')), 
	CONSTRAINT ck_push_sent_has_a_time CHECK ((state = 'SENT') = (sent_at IS NOT NULL)), 
	CONSTRAINT fk_push_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT fk_push_result_id FOREIGN KEY(result_id) REFERENCES result (id)
);
INSERT INTO "push" VALUES(1,1,'x','2026-03-01T11:00:00.000000+00:00','class_change','x','x','x',NULL,'PENDING',1,'2026-03-01T11:00:00.000000+00:00',NULL,NULL,NULL,NULL);
CREATE TABLE push_receiver (
	receiver TEXT NOT NULL, 
	occasions TEXT NOT NULL, 
	CONSTRAINT pk_push_receiver PRIMARY KEY (receiver)
);
INSERT INTO "push_receiver" VALUES('x','[]');
CREATE TABLE quarantine (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	path TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	peer TEXT NOT NULL, 
	calling_ae_title TEXT NOT NULL, 
	sop_class_uid TEXT NOT NULL, 
	sop_instance_uid_sent TEXT NOT NULL, 
	transfer_syntax_uid TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	size_bytes INTEGER NOT NULL, sop_instance_uid TEXT, removal_id INTEGER, promised_at VARCHAR(32), 
	CONSTRAINT pk_quarantine PRIMARY KEY (id)
);
INSERT INTO "quarantine" VALUES(1,'2026-03-01T11:00:00.000000+00:00','q/1','r','p','a','1.2.840.10008.5.1.4.1.1.2','1.02.3','t','ab',1,'2.25.207607431017064379124120107224399991615',NULL,NULL);
INSERT INTO "quarantine" VALUES(2,'2026-03-01T11:00:00.000000+00:00','q/1','r','p','a','1.2.840.10008.5.1.4.1.1.2','','t','ab',1,NULL,NULL,NULL);
CREATE TABLE removal (
	id INTEGER NOT NULL, 
	study_id INTEGER, 
	kept TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	why TEXT NOT NULL, 
	files INTEGER NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	finished_at VARCHAR(32), 
	CONSTRAINT pk_removal PRIMARY KEY (id), 
	CONSTRAINT fk_removal_study_id FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "removal" VALUES(1,NULL,'x','2026-03-01T11:00:00.000000+00:00','x',1,1,NULL);
CREATE TABLE reorder (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	cause TEXT NOT NULL, "before" INTEGER, "after" INTEGER, together INTEGER, 
	CONSTRAINT pk_reorder PRIMARY KEY (id), 
	CONSTRAINT fk_reorder_study_id FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "reorder" VALUES(1,2,'2026-03-01T11:00:00.000000+00:00','came',NULL,1,NULL);
INSERT INTO "reorder" VALUES(2,1,'2026-03-01T11:00:00.000000+00:00','came',NULL,2,NULL);
INSERT INTO "reorder" VALUES(3,1,'2026-03-01T11:00:00.000000+00:00','severe',2,1,NULL);
CREATE TABLE result (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	worker TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	reason_code TEXT, 
	reason_detail TEXT, 
	probability FLOAT, 
	threshold FLOAT, 
	urgency FLOAT, 
	grade INTEGER, 
	engine TEXT, 
	quality TEXT NOT NULL, 
	chosen_series_uid TEXT, 
	model TEXT NOT NULL, 
	scheme TEXT NOT NULL, 
	triage_class TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	superseded_by INTEGER, basis TEXT DEFAULT '' NOT NULL, object_set_uid TEXT DEFAULT '' NOT NULL, set_revision INTEGER DEFAULT '1' NOT NULL, follows TEXT DEFAULT '' NOT NULL, coronal_path TEXT, prior_result_id INTEGER, trend TEXT, change_points FLOAT, suspicion TEXT, grade_scale TEXT, device TEXT DEFAULT '' NOT NULL, configuration TEXT DEFAULT '' NOT NULL, removal_id INTEGER, 
	CONSTRAINT pk_result PRIMARY KEY (id), 
	CONSTRAINT fk_result_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT fk_result_superseded_by FOREIGN KEY(superseded_by) REFERENCES result (id), 
	CONSTRAINT uq_result_study_id_revision UNIQUE (study_id, revision)
);
INSERT INTO "result" VALUES(1,1,1,'2026-03-01T11:00:00.000000+00:00','w','TRIAGED',NULL,NULL,NULL,NULL,0.4,NULL,NULL,'[]',NULL,'old','combined','B','B severe',2,'','2.25.269831554181366496974295818979499042289',1,'',NULL,NULL,NULL,NULL,NULL,NULL,'','',NULL);
INSERT INTO "result" VALUES(2,1,2,'2026-03-01T11:00:00.000000+00:00','w','TRIAGED',NULL,NULL,0.9,0.6,0.5,3,'networks','["contrast"]',NULL,'old','combined','B','B severe',NULL,'','2.25.8265394656879018527605564925630553939',2,'2.25.269831554181366496974295818979499042289',NULL,NULL,NULL,NULL,'covid-19','CT','','',NULL);
CREATE TABLE second_measurement (
	result_id INTEGER NOT NULL, 
	concept TEXT NOT NULL, 
	site TEXT NOT NULL, 
	value FLOAT NOT NULL, 
	number INTEGER NOT NULL, 
	CONSTRAINT pk_second_measurement PRIMARY KEY (result_id, concept, site), 
	CONSTRAINT fk_second_measurement_result_id FOREIGN KEY(result_id) REFERENCES second_result (id)
);
INSERT INTO "second_measurement" VALUES(1,'x','x',0.5,1);
CREATE TABLE second_result (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	worker TEXT, 
	lease_expires_at VARCHAR(32), 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	strikes TEXT DEFAULT '[]' NOT NULL, 
	not_before VARCHAR(32), 
	at VARCHAR(32), 
	model TEXT, 
	device TEXT, 
	reason_code TEXT, 
	reason_detail TEXT, 
	urgency FLOAT, 
	suspicion TEXT, 
	probability FLOAT, 
	threshold FLOAT, 
	grade INTEGER, 
	grade_scale TEXT, 
	engine TEXT, 
	quality TEXT DEFAULT '[]' NOT NULL, 
	points FLOAT, 
	part TEXT, 
	overlap FLOAT, 
	disagreements TEXT DEFAULT '[]' NOT NULL, configuration TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_second_result PRIMARY KEY (id), 
	CONSTRAINT ck_second_result_state_is_known CHECK (state IN ('WAITING', 'RUNNING', 'READ', 'FAILED', 'DROPPED')), 
	CONSTRAINT ck_second_result_running_means_owned CHECK ((state = 'RUNNING') = (worker IS NOT NULL) AND (worker IS NULL) = (lease_expires_at IS NULL)), 
	CONSTRAINT fk_second_result_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT fk_second_result_result_id FOREIGN KEY(result_id) REFERENCES result (id), 
	CONSTRAINT uq_second_result_result_id_name UNIQUE (result_id, name)
);
INSERT INTO "second_result" VALUES(1,1,1,'x','WAITING',NULL,NULL,0,'[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[]',NULL,NULL,NULL,'[]','');
CREATE TABLE series_decision (
	result_id INTEGER NOT NULL, 
	series_uid TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_series_decision PRIMARY KEY (result_id, series_uid), 
	CONSTRAINT fk_series_decision_result_id FOREIGN KEY(result_id) REFERENCES result (id)
);
INSERT INTO "series_decision" VALUES(1,'x','x');
CREATE TABLE session (
	id INTEGER NOT NULL, 
	token_hash TEXT NOT NULL, 
	account_id INTEGER NOT NULL, 
	browser_hash TEXT NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	last_seen_at VARCHAR(32) NOT NULL, 
	ended_at VARCHAR(32), 
	CONSTRAINT pk_session PRIMARY KEY (id), 
	CONSTRAINT fk_session_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT uq_session_token_hash UNIQUE (token_hash)
);
INSERT INTO "session" VALUES(1,'x',1,'x','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL);
CREATE TABLE sign_in_attempt (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	name_hash TEXT NOT NULL, 
	address TEXT NOT NULL, 
	browser_hash TEXT, 
	CONSTRAINT pk_sign_in_attempt PRIMARY KEY (id)
);
INSERT INTO "sign_in_attempt" VALUES(1,'2026-03-01T11:00:00.000000+00:00','x','x',NULL);
CREATE TABLE sign_on (
	id INTEGER NOT NULL, 
	state_hash TEXT NOT NULL, 
	browser_hash TEXT NOT NULL, 
	nonce TEXT NOT NULL, 
	code_verifier TEXT NOT NULL, 
	wanted TEXT NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_sign_on PRIMARY KEY (id), 
	CONSTRAINT uq_sign_on_state_hash UNIQUE (state_hash)
);
INSERT INTO "sign_on" VALUES(1,'x','x','x','x','x','2026-03-01T11:00:00.000000+00:00');
CREATE TABLE spool (
	id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	named_at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_spool PRIMARY KEY (id), 
	CONSTRAINT ck_spool_only_one CHECK (id = 1)
);
INSERT INTO "spool" VALUES(1,'x','2026-03-01T11:00:00.000000+00:00');
CREATE TABLE study (
	id INTEGER NOT NULL, 
	study_uid TEXT NOT NULL, 
	study_uid_sent TEXT, 
	state TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	order_priority TEXT NOT NULL, 
	first_instance_at VARCHAR(32) NOT NULL, 
	last_instance_at VARCHAR(32) NOT NULL, 
	ready_at VARCHAR(32), 
	instances INTEGER NOT NULL, 
	conflicts INTEGER NOT NULL, 
	worker TEXT, 
	lease_expires_at VARCHAR(32), 
	attempts INTEGER NOT NULL, 
	not_before VARCHAR(32), 
	lane INTEGER NOT NULL, 
	triage_class TEXT NOT NULL, 
	effective_at VARCHAR(32) NOT NULL, 
	sort_key TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	result_id INTEGER, 
	patient_name TEXT NOT NULL, 
	patient_id TEXT NOT NULL, 
	patient_birth_date TEXT NOT NULL, 
	patient_sex TEXT NOT NULL, 
	accession_number TEXT NOT NULL, 
	study_date TEXT NOT NULL, 
	study_time TEXT NOT NULL, 
	study_description TEXT NOT NULL, patient_key TEXT, search_text TEXT DEFAULT '' NOT NULL, override TEXT DEFAULT 'none' NOT NULL CONSTRAINT ck_study_override_is_known CHECK (override IN ('none', 'pin', 'raise', 'lower')), read_state TEXT DEFAULT 'UNREAD' NOT NULL CONSTRAINT ck_study_read_state_is_known CHECK (read_state IN ('UNREAD', 'READING', 'DONE')), read_by TEXT, read_at VARCHAR(32) CONSTRAINT ck_study_read_means_by_somebody CHECK ((read_state = 'UNREAD') = (read_by IS NULL) AND (read_by IS NULL) = (read_at IS NULL)), due_again_at VARCHAR(32), finding TEXT, strikes TEXT DEFAULT '[]' NOT NULL, modalities TEXT DEFAULT '' NOT NULL, assigned_to TEXT, issuer_of_patient_id TEXT DEFAULT '' NOT NULL, promised_at VARCHAR(32), rule TEXT DEFAULT '' NOT NULL, treatment TEXT DEFAULT '' NOT NULL, facts TEXT DEFAULT '' NOT NULL, ignored INTEGER DEFAULT '0' NOT NULL, site TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_study PRIMARY KEY (id), 
	CONSTRAINT ck_study_analysing_means_owned CHECK ((state = 'ANALYSING') = (worker IS NOT NULL) AND (worker IS NULL) = (lease_expires_at IS NULL)), 
	CONSTRAINT ck_study_ready_has_a_time CHECK (state = 'RECEIVING' OR ready_at IS NOT NULL), 
	CONSTRAINT ck_study_state_is_known CHECK (state IN ('RECEIVING', 'READY', 'ANALYSING', 'TRIAGED', 'OUT_OF_SCOPE', 'FAILED')), 
	CONSTRAINT uq_study_sort_key UNIQUE (sort_key), 
	CONSTRAINT uq_study_study_uid UNIQUE (study_uid)
);
INSERT INTO "study" VALUES(1,'1.2.826.0.1.1',NULL,'TRIAGED',2,'ROUTINE','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',1,0,NULL,NULL,1,NULL,1,'B','2026-03-01T11:00:00.000000+00:00','1:0','B severe',2,'Roe^Jane','P-1','19700101','F','A-1','20250101','1159','Thorax','82988760f79ba0aea59cfd857ca63807741790cd42bd045dabe7e075914da212','roe jane p-1 a-1','none','UNREAD',NULL,NULL,NULL,'{"urgency": 0.5, "suspicion": "covid-19", "probability": 0.9, "threshold": 0.6, "grade": 3, "grade_scale": "CT", "engine": "networks", "quality": ["contrast"], "measurements": [["severity", "", 0.5], ["affected_share", "right", 0.5], ["affected_share", "left", 0.1], ["total_share", "total", 0.3], ["lung_volume", "right", 2000.0], ["lung_volume", "left", 1500.0], ["lungs_volume", "", 3500.0], ["affected_volume", "", 1050.0], ["dense_share", "", 0.25]]}','[]','\DX\CT\',NULL,'',NULL,'','','',0,'');
INSERT INTO "study" VALUES(2,'1.2.826.0.1.7',NULL,'TRIAGED',2,'ROUTINE','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',1,0,NULL,NULL,1,NULL,1,'B','2026-03-01T11:00:00.000000+00:00','1:1','B severe',NULL,'Müller^Otto','P-2','19700101','F','A-2','20240101','1159','Thorax','a391e1e9a0d56243607703bd04a1098858f05d39a3a7666cad54015c468a4d89','muller otto p-2 a-2','none','UNREAD',NULL,NULL,NULL,NULL,'[]','\MR\',NULL,'',NULL,'','','',0,'');
CREATE TABLE upgrade (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	program TEXT NOT NULL, 
	revision_before TEXT NOT NULL, 
	revision_after TEXT NOT NULL, 
	backup TEXT NOT NULL, 
	CONSTRAINT pk_upgrade PRIMARY KEY (id)
);
INSERT INTO "upgrade" VALUES(1,'2026-03-01T11:00:00.000000+00:00','x','x','x','x');
CREATE TABLE verdict (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	set_revision INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	person TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	note TEXT NOT NULL, 
	model TEXT NOT NULL, 
	triage_class TEXT NOT NULL, 
	device TEXT NOT NULL, 
	undoes INTEGER, 
	CONSTRAINT pk_verdict PRIMARY KEY (id), 
	CONSTRAINT ck_verdict_verdict_is_known CHECK (verdict IN ('agree', 'too-high', 'too-low', 'missed', 'other-disease')), 
	CONSTRAINT fk_verdict_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT fk_verdict_result_id FOREIGN KEY(result_id) REFERENCES result (id), 
	CONSTRAINT fk_verdict_undoes FOREIGN KEY(undoes) REFERENCES verdict (id), 
	CONSTRAINT uq_verdict_undoes UNIQUE (undoes)
);
INSERT INTO "verdict" VALUES(1,1,1,1,'2026-03-01T11:00:00.000000+00:00','x','agree','x','x','x','x',NULL);
CREATE TABLE worker_death (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	worker TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_worker_death PRIMARY KEY (id), 
	CONSTRAINT fk_worker_death_study_id FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "worker_death" VALUES(1,1,1,'x','2026-03-01T11:00:00.000000+00:00');
CREATE INDEX ix_association_open ON association (receiver) WHERE closed_at IS NULL;
CREATE INDEX ix_study_state_sort_key ON study (state, sort_key);
CREATE INDEX ix_event_study_id ON event (study_id);
CREATE INDEX ix_instance_study_id ON instance (study_id);
CREATE INDEX ix_reorder_study_id ON reorder (study_id);
CREATE INDEX ix_derived_study_id ON derived (study_id);
CREATE INDEX ix_study_patient_key ON study (patient_key);
CREATE INDEX ix_quarantine_sop_instance_uid ON quarantine (sop_instance_uid);
CREATE INDEX ix_outbox_state_destination_next_attempt_at ON outbox (state, destination, next_attempt_at);
CREATE INDEX ix_outbox_commitment_uid ON outbox (commitment_uid) WHERE commitment_uid IS NOT NULL;
CREATE INDEX ix_outbox_uncommitted ON outbox (destination, sent_at) WHERE state = 'SENT' AND committed_at IS NULL;
CREATE INDEX ix_commitment_report_state_next_attempt_at ON commitment_report (state, next_attempt_at);
CREATE INDEX ix_session_account_id_browser_hash ON session (account_id, browser_hash);
CREATE INDEX ix_sign_in_attempt_at ON sign_in_attempt (at);
CREATE INDEX ix_sign_in_attempt_name_hash ON sign_in_attempt (name_hash);
CREATE INDEX ix_sign_in_attempt_address ON sign_in_attempt (address);
CREATE INDEX ix_study_done ON study (read_at) WHERE read_state = 'DONE';
CREATE INDEX ix_action_study_id ON action (study_id);
CREATE TRIGGER event_keeps_UPDATE BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'history is never changed: event'); END;
CREATE TRIGGER event_keeps_DELETE BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'history is never changed: event'); END;
CREATE TRIGGER reorder_keeps_UPDATE BEFORE UPDATE ON reorder BEGIN SELECT RAISE(ABORT, 'history is never changed: reorder'); END;
CREATE TRIGGER reorder_keeps_DELETE BEFORE DELETE ON reorder BEGIN SELECT RAISE(ABORT, 'history is never changed: reorder'); END;
CREATE TRIGGER action_keeps_UPDATE BEFORE UPDATE ON action BEGIN SELECT RAISE(ABORT, 'history is never changed: action'); END;
CREATE TRIGGER action_keeps_DELETE BEFORE DELETE ON action BEGIN SELECT RAISE(ABORT, 'history is never changed: action'); END;
CREATE INDEX ix_push_state_receiver_next_attempt_at ON push (state, receiver, next_attempt_at);
CREATE INDEX ix_push_study_id ON push (study_id);
CREATE INDEX ix_push_untold ON push (study_id, receiver) WHERE state IN ('PENDING', 'DEAD', 'REFUSED');
CREATE INDEX ix_study_due_again ON study (due_again_at) WHERE due_again_at IS NOT NULL;
CREATE TRIGGER policy_keeps_UPDATE BEFORE UPDATE ON policy BEGIN SELECT RAISE(ABORT, 'history is never changed: policy'); END;
CREATE TRIGGER policy_keeps_DELETE BEFORE DELETE ON policy BEGIN SELECT RAISE(ABORT, 'history is never changed: policy'); END;
CREATE INDEX ix_missing_file_folder ON missing_file (folder);
CREATE INDEX ix_second_result_study_id ON second_result (study_id);
CREATE INDEX ix_second_result_unsettled ON second_result (state) WHERE state IN ('WAITING', 'RUNNING');
CREATE INDEX ix_drawing_study_id ON drawing (study_id);
CREATE INDEX ix_drawing_state ON drawing (state);
CREATE INDEX ix_verdict_study_id ON verdict (study_id);
CREATE INDEX ix_verdict_at ON verdict (at);
CREATE INDEX ix_assignment_study_id ON assignment (study_id);
CREATE TRIGGER verdict_keeps_UPDATE BEFORE UPDATE ON verdict BEGIN SELECT RAISE(ABORT, 'history is never changed: verdict'); END;
CREATE TRIGGER verdict_keeps_DELETE BEFORE DELETE ON verdict BEGIN SELECT RAISE(ABORT, 'history is never changed: verdict'); END;
CREATE TRIGGER assignment_keeps_UPDATE BEFORE UPDATE ON assignment BEGIN SELECT RAISE(ABORT, 'history is never changed: assignment'); END;
CREATE TRIGGER assignment_keeps_DELETE BEFORE DELETE ON assignment BEGIN SELECT RAISE(ABORT, 'history is never changed: assignment'); END;
CREATE TRIGGER opening_keeps_UPDATE BEFORE UPDATE ON opening BEGIN SELECT RAISE(ABORT, 'history is never changed: opening'); END;
CREATE TRIGGER opening_keeps_DELETE BEFORE DELETE ON opening BEGIN SELECT RAISE(ABORT, 'history is never changed: opening'); END;
CREATE INDEX ix_audit_at ON audit (at);
CREATE TRIGGER audit_keeps_UPDATE BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'history is never changed: audit'); END;
CREATE TRIGGER audit_keeps_DELETE BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'history is never changed: audit'); END;
CREATE INDEX ix_configuration_sha256 ON configuration (sha256);
CREATE TRIGGER configuration_keeps_UPDATE BEFORE UPDATE ON configuration BEGIN SELECT RAISE(ABORT, 'history is never changed: configuration'); END;
CREATE TRIGGER configuration_keeps_DELETE BEFORE DELETE ON configuration BEGIN SELECT RAISE(ABORT, 'history is never changed: configuration'); END;
CREATE INDEX ix_removal_study_id ON removal (study_id);
CREATE INDEX ix_removal_unfinished ON removal (id) WHERE finished_at IS NULL;
CREATE INDEX ix_study_open ON study (sort_key) WHERE read_state <> 'DONE' AND ignored = 0;
CREATE UNIQUE INDEX ix_account_subject_hash ON account (subject_hash);
CREATE INDEX ix_sign_on_created_at ON sign_on (created_at);
CREATE INDEX ix_outbox_held ON outbox (courier) WHERE courier IS NOT NULL;
CREATE INDEX ix_push_held ON push (courier) WHERE courier IS NOT NULL;
CREATE INDEX ix_commitment_report_held ON commitment_report (courier) WHERE courier IS NOT NULL;
CREATE INDEX ix_drawing_held ON drawing (worker) WHERE worker IS NOT NULL;
CREATE INDEX ix_study_open_of_site ON study (site, sort_key) WHERE read_state <> 'DONE' AND ignored = 0;
CREATE INDEX ix_study_search_text ON study (search_text);
COMMIT;
