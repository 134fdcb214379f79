BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
	association_id INTEGER NOT NULL, 
	CONSTRAINT pk_association_study PRIMARY KEY (study_id, association_id), 
	CONSTRAINT fk_association_study_association_id FOREIGN KEY(association_id) REFERENCES association (id), 
	CONSTRAINT fk_association_study_study_id FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "association_study" VALUES(1,1);
CREATE TABLE "conflict" (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	sop_instance_uid TEXT NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_conflict PRIMARY KEY (id), 
	CONSTRAINT fk_conflict_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT uq_conflict_study_id_sop_instance_uid_sha256_kind UNIQUE (study_id, sop_instance_uid, sha256, kind)
);
INSERT INTO "conflict" VALUES(1,1,'other-content','x','x','x','2026-03-01T11:00:00.000000+00:00','x');
CREATE TABLE derived (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	sop_instance_uid TEXT NOT NULL, 
	sop_class_uid TEXT NOT NULL, 
	transfer_syntax_uid TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	CONSTRAINT pk_derived PRIMARY KEY (id), 
	CONSTRAINT fk_derived_result_id FOREIGN KEY(result_id) REFERENCES result (id), 
	CONSTRAINT fk_derived_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT uq_derived_sop_instance_uid UNIQUE (sop_instance_uid)
);
INSERT INTO "derived" VALUES(1,1,1,'2.25.1','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','sr','p/1','ab');
INSERT INTO "derived" VALUES(2,1,1,'2.25.2','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','seg','p/2','ab');
INSERT INTO "derived" VALUES(3,1,1,'2.25.3','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','sc','p/3','ab');
INSERT INTO "derived" VALUES(4,1,2,'2.25.4','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','sr','p/4','ab');
INSERT INTO "derived" VALUES(5,1,2,'2.25.5','1.2.840.10008.5.1.4.1.1.88.34','1.2.840.10008.1.2.1','seg','p/5','ab');
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
	image TEXT NOT NULL, 
	CONSTRAINT pk_instance PRIMARY KEY (id), 
	CONSTRAINT fk_instance_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT uq_instance_sop_instance_uid_study_id UNIQUE (sop_instance_uid, study_id)
);
INSERT INTO "instance" VALUES(1,1,'2.25.1',NULL,'2.25.91',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "SR"}');
INSERT INTO "instance" VALUES(2,1,'2.25.2',NULL,'2.25.92',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "DX", "rows": 512}');
INSERT INTO "instance" VALUES(3,1,'2.25.2',NULL,'2.25.93',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "MG", "rows": 512}');
INSERT INTO "instance" VALUES(4,1,'2.25.3',NULL,'2.25.94',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "CT", "rows": 512}');
INSERT INTO "instance" VALUES(5,2,'2.25.4',NULL,'2.25.95',NULL,'t','p','ab',1,'2026-03-01T11:00:00.000000+00:00','{"sop_class_uid": "1.2.3", "modality": "MR", "rows": 512}');
CREATE TABLE move (
	reorder_id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	"before" INTEGER, 
	"after" INTEGER NOT NULL, 
	CONSTRAINT pk_move PRIMARY KEY (reorder_id, study_id)
)
 WITHOUT ROWID

;
INSERT INTO "move" VALUES(1,2,NULL,1);
INSERT INTO "move" VALUES(2,1,NULL,2);
INSERT INTO "move" VALUES(3,1,2,1);
INSERT INTO "move" VALUES(3,2,1,2);
CREATE TABLE outbox (
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
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT ck_outbox_sent_has_a_time CHECK ((state = 'SENT') = (sent_at IS NOT NULL)), 
	CONSTRAINT ck_outbox_state_is_known CHECK (state IN ('PENDING', 'SENT', 'DEAD')), 
	CONSTRAINT fk_outbox_derived_id FOREIGN KEY(derived_id) REFERENCES derived (id), 
	CONSTRAINT uq_outbox_derived_id_destination UNIQUE (derived_id, destination)
);
INSERT INTO "outbox" VALUES(1,1,'pacs','PENDING',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(2,2,'pacs','SENT',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,'2026-03-01T11:00:00.000000+00:00',NULL);
INSERT INTO "outbox" VALUES(3,3,'pacs','PENDING',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00','courier','2026-03-01T11:05:00.000000+00:00',NULL,NULL);
INSERT INTO "outbox" VALUES(4,4,'pacs','SENT',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,'2026-03-01T11:00:00.000000+00:00',NULL);
INSERT INTO "outbox" VALUES(5,5,'pacs','DEAD',1,'2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',NULL,NULL,NULL,NULL);
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
	size_bytes INTEGER NOT NULL, 
	CONSTRAINT pk_quarantine PRIMARY KEY (id)
);
INSERT INTO "quarantine" VALUES(1,'2026-03-01T11:00:00.000000+00:00','q/1','r','p','a','1.2.840.10008.5.1.4.1.1.2','1.02.3','t','ab',1);
INSERT INTO "quarantine" VALUES(2,'2026-03-01T11:00:00.000000+00:00','q/1','r','p','a','1.2.840.10008.5.1.4.1.1.2','','t','ab',1);
CREATE TABLE reorder (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	cause TEXT NOT NULL, 
	CONSTRAINT pk_reorder PRIMARY KEY (id), 
	CONSTRAINT fk_reorder_study_id FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "reorder" VALUES(1,2,'2026-03-01T11:00:00.000000+00:00','came');
INSERT INTO "reorder" VALUES(2,1,'2026-03-01T11:00:00.000000+00:00','came');
INSERT INTO "reorder" VALUES(3,1,'2026-03-01T11:00:00.000000+00:00','severe');
CREATE TABLE result (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	worker TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	reason_code TEXT, 
	reason_detail TEXT, 
	identification FLOAT, 
	identification_threshold FLOAT, 
	severity FLOAT, 
	severity_right FLOAT, 
	severity_left FLOAT, 
	severity_total FLOAT, 
	right_lung_ml FLOAT, 
	left_lung_ml FLOAT, 
	lungs_ml FLOAT, 
	lesion_ml FLOAT, 
	dense_share FLOAT, 
	grade INTEGER, 
	engine TEXT, 
	quality TEXT NOT NULL, 
	chosen_series_uid TEXT, 
	model TEXT NOT NULL, 
	scheme TEXT NOT NULL, 
	triage_class TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	superseded_by INTEGER, 
	CONSTRAINT pk_result PRIMARY KEY (id), 
	CONSTRAINT fk_result_study_id FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT fk_result_superseded_by FOREIGN KEY(superseded_by) REFERENCES result (id), 
	CONSTRAINT uq_result_study_id_revision UNIQUE (study_id, revision)
);
INSERT INTO "result" VALUES(1,1,1,'2026-03-01T11:00:00.000000+00:00','w','TRIAGED',NULL,NULL,NULL,NULL,0.4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[]',NULL,'old','combined','B','B severe',2);
INSERT INTO "result" VALUES(2,1,2,'2026-03-01T11:00:00.000000+00:00','w','TRIAGED',NULL,NULL,0.9,0.6,0.5,0.5,0.1,0.3,2000.0,1500.0,3500.0,1050.0,0.25,3,'networks','["contrast"]',NULL,'old','combined','B','B severe',NULL);
CREATE TABLE series_decision (
	result_id INTEGER NOT NULL, 
	series_uid TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_series_decision PRIMARY KEY (result_id, series_uid), 
	CONSTRAINT fk_series_decision_result_id FOREIGN KEY(result_id) REFERENCES result (id)
);
INSERT INTO "series_decision" VALUES(1,'x','x');
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
	identification FLOAT, 
	severity FLOAT, 
	severity_left FLOAT, 
	severity_right FLOAT, 
	grade INTEGER, 
	quality TEXT, 
	patient_name TEXT NOT NULL, 
	patient_id TEXT NOT NULL, 
	patient_birth_date TEXT NOT NULL, 
	patient_sex TEXT NOT NULL, 
	accession_number TEXT NOT NULL, 
	study_date TEXT NOT NULL, 
	study_time TEXT NOT NULL, 
	study_description TEXT NOT NULL, 
	CONSTRAINT pk_study PRIMARY KEY (id), 
	CONSTRAINT ck_study_analysing_means_owned CHECK ((state = 'ANALYSING') = (worker IS NOT NULL) AND (worker IS NULL) = (lease_expires_at IS NULL)), 
	CONSTRAINT ck_study_ready_has_a_time CHECK (state = 'RECEIVING' OR ready_at IS NOT NULL), 
	CONSTRAINT ck_study_state_is_known CHECK (state IN ('RECEIVING', 'READY', 'ANALYSING', 'TRIAGED', 'OUT_OF_SCOPE', 'FAILED')), 
	CONSTRAINT uq_study_sort_key UNIQUE (sort_key), 
	CONSTRAINT uq_study_study_uid UNIQUE (study_uid)
);
INSERT INTO "study" VALUES(1,'1.2.826.0.1.1',NULL,'TRIAGED',2,'ROUTINE','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',1,0,NULL,NULL,1,NULL,1,'B','2026-03-01T11:00:00.000000+00:00','1:0','B severe',2,NULL,0.5,NULL,NULL,NULL,NULL,'Roe^Jane','P-1','19700101','F','A-1','20250101','1159','Thorax');
INSERT INTO "study" VALUES(2,'1.2.826.0.1.7',NULL,'TRIAGED',2,'ROUTINE','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00','2026-03-01T11:00:00.000000+00:00',1,0,NULL,NULL,1,NULL,1,'B','2026-03-01T11:00:00.000000+00:00','1:1','B severe',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'Müller^Otto','P-2','19700101','F','A-2','20240101','1159','Thorax');
CREATE INDEX ix_association_open ON association (receiver) WHERE closed_at IS NULL;
CREATE INDEX ix_study_state_sort_key ON study (state, sort_key);
CREATE INDEX ix_event_study_id ON event (study_id);
CREATE INDEX ix_instance_study_id ON instance (study_id);
CREATE INDEX ix_reorder_study_id ON reorder (study_id);
CREATE INDEX ix_derived_study_id ON derived (study_id);
CREATE INDEX ix_outbox_state_destination_next_attempt_at ON outbox (state, destination, next_attempt_at);
COMMIT;
