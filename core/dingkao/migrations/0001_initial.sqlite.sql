CREATE TABLE "region" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "code" VARCHAR(12) UNIQUE NOT NULL DEFAULT null,
  "name" VARCHAR(60) NOT NULL DEFAULT '',
  "level" VARCHAR(20) NOT NULL DEFAULT null,
  "parent" INTEGER REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "path" VARCHAR(200) NOT NULL DEFAULT '',
  "valid_from" DATE DEFAULT null,
  "valid_to" DATE DEFAULT null,
  CONSTRAINT "region_level_known" CHECK ("level" IN ('PROVINCE', 'PREFECTURE', 'COUNTY'))
);

CREATE INDEX "region_parent" ON "region" ("parent");

CREATE INDEX "region_path" ON "region" ("path");

CREATE TABLE "organisation" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "code" VARCHAR(40) UNIQUE NOT NULL DEFAULT null,
  "name" VARCHAR(120) NOT NULL DEFAULT '',
  "region" INTEGER NOT NULL REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "is_institution" BOOLEAN NOT NULL DEFAULT false,
  "is_body" BOOLEAN NOT NULL DEFAULT false,
  "is_authority" BOOLEAN NOT NULL DEFAULT false
);

CREATE INDEX "organisation_region" ON "organisation" ("region");

CREATE TABLE "doctor" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "name" VARCHAR(60) NOT NULL DEFAULT '',
  "document_type" VARCHAR(30) NOT NULL DEFAULT null,
  "document_number" VARCHAR(300) NOT NULL DEFAULT null,
  "document_index" VARCHAR(60) NOT NULL DEFAULT null,
  "sex" VARCHAR(10) NOT NULL DEFAULT null,
  "birth_date" DATE NOT NULL DEFAULT null,
  "qualification_number" VARCHAR(300) NOT NULL DEFAULT null,
  "phone" VARCHAR(300) DEFAULT null,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "doctor_document_once" UNIQUE ("document_type", "document_index"),
  CONSTRAINT "doctor_document_type_known" CHECK ("document_type" IN ('RESIDENT_IDENTITY_CARD', 'TRAVEL_PERMIT', 'PASSPORT', 'MILITARY_IDENTITY_CARD')),
  CONSTRAINT "doctor_sex_known" CHECK ("sex" IN ('MALE', 'FEMALE'))
);

CREATE TABLE "practice_registration" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "doctor" INTEGER NOT NULL REFERENCES "doctor" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "institution" INTEGER NOT NULL REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "practice_number" VARCHAR(20) NOT NULL DEFAULT null,
  "category" VARCHAR(40) NOT NULL DEFAULT null,
  "scope" VARCHAR(60) NOT NULL DEFAULT '',
  "level" VARCHAR(20) NOT NULL DEFAULT null,
  "practising_since" DATE DEFAULT null,
  "valid_from" DATE NOT NULL DEFAULT null,
  "valid_to" DATE DEFAULT null,
  CONSTRAINT "practice_registration_category_known" CHECK ("category" IN ('CLINICAL', 'TRADITIONAL_CHINESE_MEDICINE', 'DENTAL', 'PUBLIC_HEALTH')),
  CONSTRAINT "practice_registration_level_known" CHECK ("level" IN ('LICENSED', 'ASSISTANT', 'RURAL_ASSISTANT'))
);

CREATE INDEX "practice_registration_doctor" ON "practice_registration" ("doctor");

CREATE INDEX "practice_registration_institution" ON "practice_registration" ("institution");

CREATE UNIQUE INDEX "practice_registration_one_open" ON "practice_registration" ("doctor") WHERE "valid_to" IS NULL;

CREATE TABLE "behaviour_record" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "doctor" INTEGER NOT NULL REFERENCES "doctor" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "polarity" VARCHAR(10) NOT NULL DEFAULT null,
  "kind" VARCHAR(40) NOT NULL DEFAULT null,
  "occurred_on" DATE NOT NULL DEFAULT null,
  "description" TEXT NOT NULL DEFAULT '',
  "recorded_by" INTEGER NOT NULL REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "recorded_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "behaviour_record_polarity_known" CHECK ("polarity" IN ('GOOD', 'BAD'))
);

CREATE INDEX "behaviour_record_doctor" ON "behaviour_record" ("doctor");

CREATE INDEX "behaviour_record_recorded_by" ON "behaviour_record" ("recorded_by");

CREATE TABLE "pinned_policy" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "digest" VARCHAR(64) NOT NULL DEFAULT '',
  "version" VARCHAR(200) NOT NULL DEFAULT '',
  "content" TEXT NOT NULL DEFAULT '',
  "origins" TEXT NOT NULL DEFAULT '{}',
  CONSTRAINT "pinned_policy_once" UNIQUE ("digest", "version")
);

CREATE TABLE "cycle" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "region" INTEGER NOT NULL REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "name" VARCHAR(80) NOT NULL DEFAULT '',
  "state" VARCHAR(20) NOT NULL DEFAULT null,
  "starts_on" DATE NOT NULL DEFAULT null,
  "ends_on" DATE NOT NULL DEFAULT null,
  "enrolment_from" TIMESTAMPTZ NOT NULL DEFAULT null,
  "enrolment_until" TIMESTAMPTZ NOT NULL DEFAULT null,
  "tests_from" TIMESTAMPTZ NOT NULL DEFAULT null,
  "tests_until" TIMESTAMPTZ NOT NULL DEFAULT null,
  "policy_version" VARCHAR(200) NOT NULL DEFAULT '',
  "policy_digest" VARCHAR(64) NOT NULL DEFAULT '',
  "opened_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "cycle_state_known" CHECK ("state" IN ('PREPARED', 'RUNNING', 'CLOSED')),
  CONSTRAINT "cycle_starts_before_it_ends" CHECK ("starts_on" < "ends_on"),
  CONSTRAINT "cycle_once" UNIQUE ("region", "name")
);

CREATE INDEX "cycle_region" ON "cycle" ("region");

CREATE TABLE "cycle_policy" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "cycle" INTEGER NOT NULL REFERENCES "cycle" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "region" INTEGER NOT NULL REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "organisation" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "policy" INTEGER NOT NULL REFERENCES "pinned_policy" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null
);

CREATE INDEX "cycle_policy_cycle" ON "cycle_policy" ("cycle");

CREATE INDEX "cycle_policy_region" ON "cycle_policy" ("region");

CREATE INDEX "cycle_policy_organisation" ON "cycle_policy" ("organisation");

CREATE INDEX "cycle_policy_policy" ON "cycle_policy" ("policy");

CREATE UNIQUE INDEX "cycle_policy_once" ON "cycle_policy" ("cycle", "region", COALESCE("organisation", 0));

CREATE TABLE "body_appointment" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "cycle" INTEGER NOT NULL REFERENCES "cycle" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "institution" INTEGER NOT NULL REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "body" INTEGER NOT NULL REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  CONSTRAINT "body_appointment_once" UNIQUE ("cycle", "institution")
);

CREATE INDEX "body_appointment_cycle" ON "body_appointment" ("cycle");

CREATE INDEX "body_appointment_institution" ON "body_appointment" ("institution");

CREATE INDEX "body_appointment_body" ON "body_appointment" ("body");

CREATE TABLE "account" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "login_name" VARCHAR(300) NOT NULL DEFAULT null,
  "login_index" VARCHAR(60) UNIQUE NOT NULL DEFAULT null,
  "name" VARCHAR(60) NOT NULL DEFAULT '',
  "password_hash" VARCHAR(200) DEFAULT null,
  "initial_until" TIMESTAMPTZ DEFAULT null,
  "password_set_at" TIMESTAMPTZ DEFAULT null,
  "phone" VARCHAR(300) DEFAULT null,
  "doctor" INTEGER UNIQUE REFERENCES "doctor" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "failures" INTEGER NOT NULL DEFAULT 0,
  "last_failed_at" TIMESTAMPTZ DEFAULT null,
  "locked_until" TIMESTAMPTZ DEFAULT null,
  "second_factor" BOOLEAN NOT NULL DEFAULT false,
  "disabled" BOOLEAN NOT NULL DEFAULT false,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT null
);

CREATE TABLE "role_assignment" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "role" VARCHAR(30) NOT NULL DEFAULT null,
  "organisation" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "valid_from" DATE NOT NULL DEFAULT null,
  "valid_to" DATE DEFAULT null,
  CONSTRAINT "role_assignment_role_known" CHECK ("role" IN ('DOCTOR', 'INSTITUTION_OFFICER', 'BODY_REVIEWER', 'AUTHORITY_OFFICER', 'INVIGILATOR', 'BANK_AUTHOR', 'BANK_APPROVER', 'SYSTEM_ADMINISTRATOR', 'SECURITY_ADMINISTRATOR', 'AUDIT_ADMINISTRATOR', 'SYSTEM')),
  CONSTRAINT "role_assignment_somewhere" CHECK ("organisation" IS NOT NULL OR "role" IN ('AUDIT_ADMINISTRATOR', 'BANK_APPROVER', 'BANK_AUTHOR', 'SECURITY_ADMINISTRATOR', 'SYSTEM_ADMINISTRATOR')),
  CONSTRAINT "role_assignment_once" UNIQUE ("account", "role", "organisation", "valid_from")
);

CREATE INDEX "role_assignment_account" ON "role_assignment" ("account");

CREATE INDEX "role_assignment_organisation" ON "role_assignment" ("organisation");

CREATE TABLE "session" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "first_login" BOOLEAN NOT NULL DEFAULT false,
  "device" VARCHAR(200) NOT NULL DEFAULT '',
  "address" VARCHAR(60) NOT NULL DEFAULT '',
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "last_used_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "ends_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "ended_at" TIMESTAMPTZ DEFAULT null,
  "ended_because" VARCHAR(30) DEFAULT null,
  "confirmed_until" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "session_reason_known" CHECK ("ended_because" IN ('LOGGED_OUT', 'ENDED_ELSEWHERE', 'TOO_MANY', 'TOKEN_REUSED', 'CREDENTIALS_CHANGED', 'DISABLED'))
);

CREATE INDEX "session_account" ON "session" ("account");

CREATE TABLE "session_token" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "session" INTEGER NOT NULL REFERENCES "session" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "access_digest" VARCHAR(64) UNIQUE NOT NULL DEFAULT null,
  "refresh_digest" VARCHAR(64) UNIQUE NOT NULL DEFAULT null,
  "issued_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "expires_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "rotated_at" TIMESTAMPTZ DEFAULT null,
  "followers" INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX "session_token_session" ON "session_token" ("session");

CREATE TABLE "second_factor" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER UNIQUE NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "secret" VARCHAR(500) NOT NULL DEFAULT '',
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "confirmed_at" TIMESTAMPTZ DEFAULT null,
  "last_step" INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE "recovery_code" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "digest" VARCHAR(300) NOT NULL DEFAULT null,
  "used_at" TIMESTAMPTZ DEFAULT null
);

CREATE INDEX "recovery_code_account" ON "recovery_code" ("account");

CREATE TABLE "throttle" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "subject" VARCHAR(80) UNIQUE NOT NULL DEFAULT null,
  "window_number" INTEGER NOT NULL DEFAULT 0,
  "failures" INTEGER NOT NULL DEFAULT 0,
  "failures_before" INTEGER NOT NULL DEFAULT 0,
  "refusals" INTEGER NOT NULL DEFAULT 0,
  "last_failed_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "locked_until" TIMESTAMPTZ DEFAULT null
);

CREATE INDEX throttle_last_failed_at ON throttle (last_failed_at);

CREATE TABLE "phone_code" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "flow" VARCHAR(80) NOT NULL DEFAULT null,
  "phone" VARCHAR(300) DEFAULT null,
  "phone_index" VARCHAR(60) DEFAULT null,
  "subject" VARCHAR(60) NOT NULL DEFAULT '',
  "address" VARCHAR(60) NOT NULL DEFAULT '',
  "purpose" VARCHAR(30) NOT NULL DEFAULT null,
  "digest" VARCHAR(300) NOT NULL DEFAULT null,
  "sent_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "expires_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "tries" INTEGER NOT NULL DEFAULT 0,
  "used_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "phone_code_purpose_known" CHECK ("purpose" IN ('FIRST_LOGIN', 'PASSWORD_RESET', 'PHONE_CHANGE'))
);

CREATE INDEX "phone_code_flow" ON "phone_code" ("flow");

CREATE INDEX "phone_code_phone" ON "phone_code" ("phone_index", "sent_at");

CREATE INDEX "phone_code_subject" ON "phone_code" ("subject", "sent_at");

CREATE INDEX "phone_code_address" ON "phone_code" ("address", "sent_at");

CREATE TABLE "earlier_password" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "password_hash" VARCHAR(200) NOT NULL DEFAULT null,
  "replaced_at" TIMESTAMPTZ NOT NULL DEFAULT null
);

CREATE INDEX "earlier_password_account" ON "earlier_password" ("account");

CREATE TABLE "activation_code" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "institution" INTEGER NOT NULL REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "issued_by" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "digest" VARCHAR(300) NOT NULL DEFAULT null,
  "issued_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "expires_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "used_at" TIMESTAMPTZ DEFAULT null,
  "revoked_at" TIMESTAMPTZ DEFAULT null,
  "used_by_session" INTEGER DEFAULT null
);

CREATE INDEX "activation_code_account" ON "activation_code" ("account");

CREATE UNIQUE INDEX "activation_code_one_open" ON "activation_code" ("account") WHERE "used_at" IS NULL AND "revoked_at" IS NULL;

CREATE TABLE "wechat_binding" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER UNIQUE NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "open_id_digest" VARCHAR(300) NOT NULL DEFAULT null,
  "open_id_index" VARCHAR(60) UNIQUE NOT NULL DEFAULT null,
  "bound_at" TIMESTAMPTZ NOT NULL DEFAULT null
);

CREATE TABLE "assessment" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "doctor" INTEGER NOT NULL REFERENCES "doctor" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "cycle" INTEGER NOT NULL REFERENCES "cycle" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "kind" VARCHAR(30) NOT NULL DEFAULT null,
  "state" VARCHAR(30) NOT NULL DEFAULT null,
  "registration" INTEGER NOT NULL REFERENCES "practice_registration" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "institution" INTEGER NOT NULL REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "body" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "region" INTEGER NOT NULL REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "policy" INTEGER NOT NULL REFERENCES "pinned_policy" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "revision" INTEGER NOT NULL DEFAULT 0,
  "procedure" VARCHAR(40) DEFAULT null,
  "procedure_title" VARCHAR(60) NOT NULL DEFAULT '',
  "statement" TEXT NOT NULL DEFAULT '',
  "submissions" INTEGER NOT NULL DEFAULT 0,
  "return_reason" TEXT NOT NULL DEFAULT '',
  "conclusion" VARCHAR(20) DEFAULT null,
  "changed_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "assessment_kind_known" CHECK ("kind" IN ('REGULAR', 'EARLY', 'REASSESSMENT', 'MAKEUP', 'RETURN_TO_PRACTICE')),
  CONSTRAINT "assessment_state_known" CHECK ("state" IN ('NOT_OPENED', 'OPENED', 'SUBMITTED', 'INSTITUTION_APPROVED', 'BODY_APPROVED', 'TESTING', 'CONCLUDED', 'RETURNED', 'DEFERRED')),
  CONSTRAINT "assessment_conclusion_known" CHECK ("conclusion" IN ('QUALIFIED', 'UNQUALIFIED')),
  CONSTRAINT "assessment_concluded_means_conclusion" CHECK (("state" = 'CONCLUDED') = ("conclusion" IS NOT NULL)),
  CONSTRAINT "assessment_once" UNIQUE ("doctor", "cycle", "kind")
);

CREATE INDEX "assessment_doctor" ON "assessment" ("doctor");

CREATE INDEX "assessment_cycle" ON "assessment" ("cycle");

CREATE INDEX "assessment_registration" ON "assessment" ("registration");

CREATE INDEX "assessment_policy" ON "assessment" ("policy");

CREATE INDEX "assessment_institution_queue" ON "assessment" ("institution", "state", "id");

CREATE INDEX "assessment_body_queue" ON "assessment" ("body", "state", "id");

CREATE INDEX "assessment_region_queue" ON "assessment" ("region", "state", "id");

CREATE TABLE "stored_file" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "purpose" VARCHAR(30) NOT NULL DEFAULT null,
  "name" VARCHAR(80) UNIQUE NOT NULL DEFAULT null,
  "title" VARCHAR(120) NOT NULL DEFAULT '',
  "media_type" VARCHAR(60) NOT NULL DEFAULT null,
  "size" INTEGER NOT NULL DEFAULT 0,
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  "uploaded_by" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "uploaded_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "stored_file_purpose_known" CHECK ("purpose" IN ('PHOTO', 'PROCEDURE_PROOF', 'EXEMPTION_PROOF', 'FACE_CAPTURE'))
);

CREATE INDEX "stored_file_assessment" ON "stored_file" ("assessment");

CREATE INDEX "stored_file_uploaded_by" ON "stored_file" ("uploaded_by");

CREATE TABLE "registration_form" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER UNIQUE NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "contact_phone" VARCHAR(300) NOT NULL DEFAULT '',
  "email" VARCHAR(120) NOT NULL DEFAULT '',
  "address" VARCHAR(200) NOT NULL DEFAULT '',
  "ethnicity" VARCHAR(30) NOT NULL DEFAULT '',
  "highest_education" VARCHAR(30) NOT NULL DEFAULT '',
  "degree" VARCHAR(30) NOT NULL DEFAULT '',
  "started_work_on" DATE DEFAULT null,
  "department" VARCHAR(60) NOT NULL DEFAULT '',
  "professional_title" VARCHAR(60) NOT NULL DEFAULT '',
  "position" VARCHAR(60) NOT NULL DEFAULT '',
  "photo" INTEGER REFERENCES "stored_file" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null
);

CREATE INDEX "registration_form_photo" ON "registration_form" ("photo");

CREATE TABLE "institution_filing" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "institution_name" VARCHAR(120) NOT NULL DEFAULT '',
  "filed_on" DATE DEFAULT null,
  "until" DATE DEFAULT null
);

CREATE INDEX "institution_filing_assessment" ON "institution_filing" ("assessment");

CREATE TABLE "education" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "school" VARCHAR(120) NOT NULL DEFAULT '',
  "major" VARCHAR(80) NOT NULL DEFAULT '',
  "education" VARCHAR(30) NOT NULL DEFAULT '',
  "degree" VARCHAR(30) NOT NULL DEFAULT '',
  "began_on" DATE DEFAULT null,
  "graduated_on" DATE DEFAULT null
);

CREATE INDEX "education_assessment" ON "education" ("assessment");

CREATE TABLE "practice_history" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "institution_name" VARCHAR(120) NOT NULL DEFAULT '',
  "department" VARCHAR(60) NOT NULL DEFAULT '',
  "post" VARCHAR(60) NOT NULL DEFAULT '',
  "began_on" DATE DEFAULT null,
  "ended_on" DATE DEFAULT null
);

CREATE INDEX "practice_history_assessment" ON "practice_history" ("assessment");

CREATE TABLE "rating" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "dimension" VARCHAR(30) NOT NULL DEFAULT null,
  "rated_by" VARCHAR(20) NOT NULL DEFAULT null,
  "verdict" VARCHAR(20) DEFAULT null,
  "items" TEXT NOT NULL DEFAULT '[]',
  "summary" TEXT NOT NULL DEFAULT '',
  "rated_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "rating_dimension_known" CHECK ("dimension" IN ('WORK_PERFORMANCE', 'PROFESSIONAL_ETHICS', 'PROFESSIONAL_COMPETENCE')),
  CONSTRAINT "rating_rated_by_known" CHECK ("rated_by" IN ('DOCTOR', 'INSTITUTION')),
  CONSTRAINT "rating_verdict_known" CHECK ("verdict" IN ('QUALIFIED', 'UNQUALIFIED')),
  CONSTRAINT "rating_once" UNIQUE ("assessment", "dimension", "rated_by")
);

CREATE TABLE "submission" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "number" INTEGER NOT NULL DEFAULT null,
  "content" TEXT NOT NULL DEFAULT '',
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  "submitted_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "submission_once" UNIQUE ("assessment", "number")
);

CREATE TABLE "procedure_proof" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "file" INTEGER NOT NULL REFERENCES "stored_file" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  CONSTRAINT "procedure_proof_once" UNIQUE ("assessment", "file")
);

CREATE INDEX "procedure_proof_assessment" ON "procedure_proof" ("assessment");

CREATE INDEX "procedure_proof_file" ON "procedure_proof" ("file");

CREATE TABLE "review" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "submission_number" INTEGER NOT NULL DEFAULT null,
  "level" VARCHAR(20) NOT NULL DEFAULT null,
  "decision" VARCHAR(30) NOT NULL DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "reviewer" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "organisation" INTEGER NOT NULL REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "decided_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "review_level_known" CHECK ("level" IN ('INSTITUTION', 'BODY')),
  CONSTRAINT "review_decision_known" CHECK ("decision" IN ('APPROVED', 'RETURNED_TO_DOCTOR', 'RETURNED_TO_INSTITUTION', 'FAILURE_CONFIRMED'))
);

CREATE INDEX "review_reviewer" ON "review" ("reviewer");

CREATE INDEX "review_organisation" ON "review" ("organisation");

CREATE INDEX "review_latest" ON "review" ("assessment", "id");

CREATE TABLE "question_import" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "region" INTEGER REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "subject" VARCHAR(20) NOT NULL DEFAULT null,
  "source" VARCHAR(120) NOT NULL DEFAULT '',
  "replaces" BOOLEAN NOT NULL DEFAULT false,
  "questions" INTEGER NOT NULL DEFAULT 0,
  "author" INTEGER REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "imported_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "approver" INTEGER REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "approved_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "question_import_subject_known" CHECK ("subject" IN ('HUMANITIES', 'PROFESSIONAL')),
  CONSTRAINT "question_import_two_people" CHECK ("approver" IS NULL OR "author" IS NULL OR "approver" <> "author")
);

CREATE TABLE "question_picture" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "digest" VARCHAR(64) UNIQUE NOT NULL DEFAULT null,
  "media_type" VARCHAR(30) NOT NULL DEFAULT null,
  "size" INTEGER NOT NULL DEFAULT null,
  "width" INTEGER NOT NULL DEFAULT null,
  "height" INTEGER NOT NULL DEFAULT null,
  "name" VARCHAR(80) UNIQUE NOT NULL DEFAULT null,
  "stored_at" TIMESTAMPTZ NOT NULL DEFAULT null
);

CREATE TABLE "question_picture_write" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "begun_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "names" TEXT NOT NULL DEFAULT ''
);

CREATE TABLE "question" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "region" INTEGER REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "subject" VARCHAR(20) NOT NULL DEFAULT null,
  "code" VARCHAR(64) NOT NULL DEFAULT null,
  "version" INTEGER NOT NULL DEFAULT 1,
  "state" VARCHAR(10) NOT NULL DEFAULT null,
  "type" VARCHAR(10) NOT NULL DEFAULT null,
  "category" VARCHAR(40) DEFAULT null,
  "specialty" VARCHAR(60) NOT NULL DEFAULT '',
  "topic" VARCHAR(120) NOT NULL DEFAULT '',
  "difficulty" VARCHAR(10) DEFAULT null,
  "question_group" VARCHAR(64) NOT NULL DEFAULT '',
  "group_position" INTEGER NOT NULL DEFAULT 0,
  "shared" TEXT NOT NULL DEFAULT '',
  "stem" TEXT NOT NULL DEFAULT '',
  "options" TEXT NOT NULL DEFAULT '',
  "answer" VARCHAR(10) NOT NULL DEFAULT null,
  "pictures" TEXT NOT NULL DEFAULT '[]',
  "source" VARCHAR(120) NOT NULL DEFAULT '',
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  "batch" INTEGER REFERENCES "question_import" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "author" INTEGER REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "approver" INTEGER REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "approved_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "question_subject_known" CHECK ("subject" IN ('HUMANITIES', 'PROFESSIONAL')),
  CONSTRAINT "question_state_known" CHECK ("state" IN ('DRAFT', 'APPROVED', 'RETIRED')),
  CONSTRAINT "question_type_known" CHECK ("type" IN ('A1', 'A2', 'A3', 'A4', 'B1', 'X', 'TRUE_FALSE')),
  CONSTRAINT "question_category_known" CHECK ("category" IN ('CLINICAL', 'TRADITIONAL_CHINESE_MEDICINE', 'DENTAL', 'PUBLIC_HEALTH', 'MEDICAL_HUMANITIES')),
  CONSTRAINT "question_difficulty_known" CHECK ("difficulty" IN ('EASY', 'MEDIUM', 'HARD')),
  CONSTRAINT "question_two_people" CHECK ("approver" IS NULL OR "author" IS NULL OR "approver" <> "author")
);

CREATE UNIQUE INDEX "question_version_once" ON "question" (COALESCE("region", 0), "subject", "code", "version");

CREATE INDEX "question_drawable" ON "question" ("subject", "state", "id");

CREATE UNIQUE INDEX "question_approved_once" ON "question" (COALESCE("region", 0), "subject", "code") WHERE "state" = 'APPROVED';

CREATE UNIQUE INDEX "question_drafted_once" ON "question" (COALESCE("region", 0), "subject", "code") WHERE "state" = 'DRAFT';

CREATE UNIQUE INDEX "question_no_twin" ON "question" (COALESCE("region", 0), "subject", "digest") WHERE "state" = 'APPROVED';

CREATE INDEX "question_same_text" ON "question" ("subject", "digest");

CREATE INDEX "question_of_batch" ON "question" ("batch");

CREATE TABLE "question_bank" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "region" INTEGER REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "subject" VARCHAR(20) NOT NULL DEFAULT null,
  "revision" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "question_bank_subject_known" CHECK ("subject" IN ('HUMANITIES', 'PROFESSIONAL'))
);

CREATE UNIQUE INDEX "question_bank_once" ON "question_bank" (COALESCE("region", 0), "subject");

CREATE TABLE "assessment_paper" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "subject" VARCHAR(20) NOT NULL DEFAULT null,
  "position" INTEGER NOT NULL DEFAULT null,
  "state" VARCHAR(20) NOT NULL DEFAULT null,
  "attempts_allowed" INTEGER DEFAULT null,
  "attempts_used" INTEGER NOT NULL DEFAULT 0,
  "waiver_code" VARCHAR(60) DEFAULT null,
  "waiver_title" VARCHAR(120) NOT NULL DEFAULT '',
  "changed_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "sit_until" TIMESTAMPTZ DEFAULT null,
  "absence_excused" BOOLEAN DEFAULT null,
  "absence_reason" TEXT NOT NULL DEFAULT '',
  "lapsed_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "assessment_paper_subject_known" CHECK ("subject" IN ('HUMANITIES', 'PROFESSIONAL')),
  CONSTRAINT "assessment_paper_state_known" CHECK ("state" IN ('LOCKED', 'AVAILABLE', 'IN_PROGRESS', 'SUBMITTED', 'PASSED', 'FAILED', 'PENDING_CUTOFF', 'EXEMPT', 'ABSENT', 'VOIDED')),
  CONSTRAINT "assessment_paper_once" UNIQUE ("assessment", "subject"),
  CONSTRAINT "assessment_paper_placed_once" UNIQUE ("assessment", "position"),
  CONSTRAINT "assessment_paper_attempts_within" CHECK ("attempts_allowed" IS NULL OR "attempts_used" <= "attempts_allowed")
);

CREATE TABLE "attempt" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "paper" INTEGER NOT NULL REFERENCES "assessment_paper" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "number" INTEGER NOT NULL DEFAULT null,
  "state" VARCHAR(20) NOT NULL DEFAULT null,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "deadline" TIMESTAMPTZ NOT NULL DEFAULT null,
  "grace_seconds" INTEGER NOT NULL DEFAULT 60,
  "time_up" VARCHAR(20) NOT NULL DEFAULT 'SUBMIT',
  "submit_seconds" INTEGER NOT NULL DEFAULT 0,
  "closes_at" TIMESTAMPTZ DEFAULT null,
  "reveal" VARCHAR(20) NOT NULL DEFAULT 'MARKS',
  "paused_at" TIMESTAMPTZ DEFAULT null,
  "writer_number" INTEGER NOT NULL DEFAULT 1,
  "writer_session" INTEGER DEFAULT null,
  "writer_since" TIMESTAMPTZ DEFAULT null,
  "submitted_at" TIMESTAMPTZ DEFAULT null,
  "timed_out" BOOLEAN NOT NULL DEFAULT false,
  "pass_percent" INTEGER DEFAULT null,
  "score_percent" INTEGER DEFAULT null,
  "passed" BOOLEAN DEFAULT null,
  "questions" TEXT NOT NULL DEFAULT '',
  "answer_key" TEXT NOT NULL DEFAULT '',
  CONSTRAINT "attempt_state_known" CHECK ("state" IN ('IN_PROGRESS', 'SUBMITTED', 'MARKED', 'ABANDONED', 'VOIDED')),
  CONSTRAINT "attempt_time_up_known" CHECK ("time_up" IN ('SUBMIT', 'GRACE', 'ABANDON')),
  CONSTRAINT "attempt_reveal_known" CHECK ("reveal" IN ('RESULT', 'MARKS', 'ANSWERS')),
  CONSTRAINT "attempt_once" UNIQUE ("paper", "number"),
  CONSTRAINT "attempt_marked_means_score" CHECK ("state" = 'VOIDED' OR ("state" = 'MARKED') = ("score_percent" IS NOT NULL)),
  CONSTRAINT "attempt_submitted_means_when" CHECK ("state" NOT IN ('SUBMITTED', 'MARKED') OR "submitted_at" IS NOT NULL)
);

CREATE UNIQUE INDEX "attempt_one_running" ON "attempt" ("paper") WHERE "state" = 'IN_PROGRESS';

CREATE INDEX "attempt_due" ON "attempt" ("closes_at") WHERE "state" = 'IN_PROGRESS';

CREATE INDEX "attempt_to_mark" ON "attempt" ("id") WHERE "state" = 'SUBMITTED';

CREATE TABLE "pass_mark" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "cycle" INTEGER NOT NULL REFERENCES "cycle" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "subject" VARCHAR(20) NOT NULL DEFAULT null,
  "pass_percent" INTEGER NOT NULL DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "pending" INTEGER NOT NULL DEFAULT 0,
  "passed" INTEGER NOT NULL DEFAULT 0,
  "failed" INTEGER NOT NULL DEFAULT 0,
  "concluded" INTEGER NOT NULL DEFAULT 0,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "organisation" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "set_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "pass_mark_subject_known" CHECK ("subject" IN ('HUMANITIES', 'PROFESSIONAL')),
  CONSTRAINT "pass_mark_once" UNIQUE ("cycle", "subject"),
  CONSTRAINT "pass_mark_every_paper_is_decided" CHECK ("pending" = "passed" + "failed")
);

CREATE INDEX "pass_mark_account" ON "pass_mark" ("account");

CREATE INDEX "pass_mark_organisation" ON "pass_mark" ("organisation");

CREATE TABLE "answer" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "attempt" INTEGER NOT NULL REFERENCES "attempt" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "position" INTEGER NOT NULL DEFAULT null,
  "choice" VARCHAR(10) NOT NULL DEFAULT null,
  "sequence" INTEGER NOT NULL DEFAULT null,
  "saved_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "late" BOOLEAN NOT NULL DEFAULT false,
  CONSTRAINT "answer_once" UNIQUE ("attempt", "position")
);

CREATE TABLE "answer_save" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "attempt" INTEGER NOT NULL REFERENCES "attempt" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "revision" INTEGER NOT NULL DEFAULT null,
  "saved_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "late" BOOLEAN NOT NULL DEFAULT false,
  "writer_number" INTEGER NOT NULL DEFAULT 1,
  "account" INTEGER NOT NULL DEFAULT null,
  "session" INTEGER DEFAULT null,
  "address" VARCHAR(60) NOT NULL DEFAULT '',
  "request_id" VARCHAR(40) NOT NULL DEFAULT null,
  "answers" TEXT NOT NULL DEFAULT '',
  CONSTRAINT "answer_save_once" UNIQUE ("attempt", "revision")
);

CREATE TRIGGER "answer_save_no_update" BEFORE UPDATE ON "answer_save" BEGIN SELECT RAISE(ABORT, 'answer_save is only appended to'); END;

CREATE TRIGGER "answer_save_no_delete" BEFORE DELETE ON "answer_save" BEGIN SELECT RAISE(ABORT, 'answer_save is only appended to'); END;

CREATE TABLE "sitting_extra_time" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "cycle" INTEGER NOT NULL REFERENCES "cycle" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "body" INTEGER NOT NULL REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "subject" VARCHAR(20) NOT NULL DEFAULT null,
  "minutes" INTEGER NOT NULL DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "begun_until" TIMESTAMPTZ DEFAULT null,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "granted_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "sitting_extra_time_subject_known" CHECK ("subject" IN ('HUMANITIES', 'PROFESSIONAL'))
);

CREATE INDEX "sitting_extra_time_body" ON "sitting_extra_time" ("body");

CREATE INDEX "sitting_extra_time_account" ON "sitting_extra_time" ("account");

CREATE INDEX "sitting_extra_time_sitting" ON "sitting_extra_time" ("cycle", "body", "subject");

CREATE TABLE "intervention" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "paper" INTEGER NOT NULL REFERENCES "assessment_paper" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "attempt" INTEGER REFERENCES "attempt" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "sitting" INTEGER REFERENCES "sitting_extra_time" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "kind" VARCHAR(20) NOT NULL DEFAULT null,
  "minutes" INTEGER DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "deadline_before" TIMESTAMPTZ DEFAULT null,
  "deadline_after" TIMESTAMPTZ DEFAULT null,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "organisation" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "intervention_kind_known" CHECK ("kind" IN ('EXTRA_TIME', 'PAUSE', 'RESUME', 'REOPEN'))
);

CREATE INDEX "intervention_paper" ON "intervention" ("paper");

CREATE INDEX "intervention_attempt" ON "intervention" ("attempt");

CREATE TABLE "voiding" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "attempt" INTEGER UNIQUE NOT NULL REFERENCES "attempt" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "consequence" VARCHAR(20) NOT NULL DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "asked_by" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "asked_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "decided_by" INTEGER REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "decided_at" TIMESTAMPTZ DEFAULT null,
  "confirmed" BOOLEAN DEFAULT null,
  "before" VARCHAR(60) NOT NULL DEFAULT '',
  CONSTRAINT "voiding_consequence_known" CHECK ("consequence" IN ('NEW_ATTEMPT', 'PAPER_FAILED')),
  CONSTRAINT "voiding_two_people" CHECK ("decided_by" IS NULL OR "decided_by" <> "asked_by")
);

CREATE TABLE "voided_question" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "cycle" INTEGER NOT NULL REFERENCES "cycle" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "question" INTEGER NOT NULL REFERENCES "question" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "organisation" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "voided_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "voided_question_once" UNIQUE ("cycle", "question")
);

CREATE INDEX "voided_question_question" ON "voided_question" ("question");

CREATE INDEX "voided_question_account" ON "voided_question" ("account");

CREATE INDEX "voided_question_organisation" ON "voided_question" ("organisation");

CREATE TABLE "mark_change" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "voided_question" INTEGER NOT NULL REFERENCES "voided_question" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "attempt" INTEGER NOT NULL REFERENCES "attempt" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "outcome" VARCHAR(30) NOT NULL DEFAULT null,
  "percent_before" INTEGER NOT NULL DEFAULT null,
  "percent_after" INTEGER NOT NULL DEFAULT null,
  "passed_before" BOOLEAN DEFAULT null,
  "passed_after" BOOLEAN DEFAULT null,
  CONSTRAINT "mark_change_outcome_known" CHECK ("outcome" IN ('UNCHANGED', 'RAISED', 'NOW_PASSED', 'RESULT_FILED', 'LATER_ATTEMPT')),
  CONSTRAINT "mark_change_once" UNIQUE ("voided_question", "attempt")
);

CREATE INDEX "mark_change_attempt" ON "mark_change" ("attempt");

CREATE TABLE "proposal" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "kind" VARCHAR(20) NOT NULL DEFAULT null,
  "about" VARCHAR(80) NOT NULL DEFAULT null,
  "region" INTEGER NOT NULL REFERENCES "region" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "assessment" INTEGER REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "given" TEXT NOT NULL DEFAULT '',
  "reason" TEXT NOT NULL DEFAULT '',
  "effect" TEXT NOT NULL DEFAULT '',
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  "state" VARCHAR(20) NOT NULL DEFAULT 'OPEN',
  "proposed_by" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "organisation" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "proposed_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "decided_by" INTEGER REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "ended_at" TIMESTAMPTZ DEFAULT null,
  "note" TEXT NOT NULL DEFAULT '',
  CONSTRAINT "proposal_kind_known" CHECK ("kind" IN ('ANNUL_RESULT', 'VOID_QUESTION', 'SET_PASS_MARK')),
  CONSTRAINT "proposal_state_known" CHECK ("state" IN ('OPEN', 'CONFIRMED', 'REFUSED', 'WITHDRAWN', 'EXPIRED')),
  CONSTRAINT "proposal_two_people" CHECK ("decided_by" IS NULL OR "decided_by" <> "proposed_by"),
  CONSTRAINT "proposal_decided_by_somebody" CHECK (("state" IN ('CONFIRMED', 'REFUSED')) = ("decided_by" IS NOT NULL))
);

CREATE INDEX "proposal_region" ON "proposal" ("region");

CREATE INDEX "proposal_assessment" ON "proposal" ("assessment");

CREATE INDEX "proposal_proposed_by" ON "proposal" ("proposed_by");

CREATE UNIQUE INDEX "proposal_open_once" ON "proposal" ("kind", "about") WHERE "state" = 'OPEN';

CREATE TABLE "face_consent" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "doctor" INTEGER NOT NULL REFERENCES "doctor" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "text_version" VARCHAR(40) NOT NULL DEFAULT null,
  "text_digest" VARCHAR(64) NOT NULL DEFAULT null,
  "channel" VARCHAR(20) NOT NULL DEFAULT null,
  "given_at" TIMESTAMPTZ DEFAULT null,
  "ended_at" TIMESTAMPTZ DEFAULT null,
  "ended_because" VARCHAR(20) DEFAULT null,
  CONSTRAINT "face_consent_channel_known" CHECK ("channel" IN ('WEB', 'MINI_PROGRAM')),
  CONSTRAINT "face_consent_end_known" CHECK ("ended_because" IN ('DECLINED', 'WITHDRAWN', 'NEW_TEXT')),
  CONSTRAINT "face_consent_end_has_reason" CHECK (("ended_at" IS NULL) = ("ended_because" IS NULL)),
  CONSTRAINT "face_consent_declined_or_given" CHECK (("given_at" IS NULL) = ("ended_because" IS NOT NULL AND "ended_because" = 'DECLINED'))
);

CREATE INDEX "face_consent_assessment" ON "face_consent" ("assessment");

CREATE INDEX "face_consent_doctor" ON "face_consent" ("doctor");

CREATE UNIQUE INDEX "face_consent_in_force" ON "face_consent" ("assessment") WHERE "ended_at" IS NULL;

CREATE TABLE "face_image" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "name" VARCHAR(40) UNIQUE NOT NULL DEFAULT null,
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  "size" INTEGER NOT NULL DEFAULT 0,
  "sealed_by" VARCHAR(8) NOT NULL DEFAULT null,
  "stored_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "deleted_at" TIMESTAMPTZ DEFAULT null,
  "deleted_because" VARCHAR(20) DEFAULT null,
  CONSTRAINT "face_image_ground_known" CHECK ("deleted_because" IN ('TIME_OVER', 'CONSENT_WITHDRAWN', 'NOT_USED')),
  CONSTRAINT "face_image_deletion_has_ground" CHECK (("deleted_at" IS NULL) = ("deleted_because" IS NULL))
);

CREATE INDEX "face_image_kept" ON "face_image" ("id") WHERE "deleted_at" IS NULL;

CREATE TABLE "face_capture" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "consent" INTEGER NOT NULL REFERENCES "face_consent" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "image" INTEGER UNIQUE NOT NULL REFERENCES "face_image" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "outcome" VARCHAR(20) NOT NULL DEFAULT null,
  "score" INTEGER DEFAULT null,
  "verifier_reference" VARCHAR(120) NOT NULL DEFAULT '',
  "captured_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "face_capture_outcome_known" CHECK ("outcome" IN ('ACCEPTED', 'REFUSED', 'UNVERIFIED'))
);

CREATE INDEX "face_capture_assessment" ON "face_capture" ("assessment");

CREATE INDEX "face_capture_consent" ON "face_capture" ("consent");

CREATE TABLE "face_disclosure" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER UNIQUE NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "told_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "retired_at" TIMESTAMPTZ DEFAULT null
);

CREATE INDEX "face_disclosure_kept" ON "face_disclosure" ("id") WHERE "retired_at" IS NULL;

CREATE TABLE "in_person_check" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "organisation" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "at" TIMESTAMPTZ NOT NULL DEFAULT null
);

CREATE INDEX "in_person_check_assessment" ON "in_person_check" ("assessment");

CREATE TABLE "proctor_session" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "attempt" INTEGER UNIQUE NOT NULL REFERENCES "attempt" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "name" VARCHAR(40) UNIQUE NOT NULL DEFAULT null,
  "subject" VARCHAR(40) NOT NULL DEFAULT null,
  "join_url" VARCHAR(500) NOT NULL DEFAULT '',
  "service_reference" VARCHAR(120) NOT NULL DEFAULT '',
  "registered_at" TIMESTAMPTZ DEFAULT null,
  "started_at" TIMESTAMPTZ DEFAULT null,
  "stopped_at" TIMESTAMPTZ DEFAULT null,
  "closed_at" TIMESTAMPTZ DEFAULT null,
  "retired_at" TIMESTAMPTZ DEFAULT null,
  "tries" INTEGER NOT NULL DEFAULT 0,
  "due_at" TIMESTAMPTZ NOT NULL DEFAULT null
);

CREATE INDEX "proctor_session_due" ON "proctor_session" ("due_at") WHERE "closed_at" IS NULL;

CREATE INDEX "proctor_session_kept" ON "proctor_session" ("id") WHERE "retired_at" IS NULL;

CREATE TABLE "proctor_frame" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "session" INTEGER NOT NULL REFERENCES "proctor_session" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "image" INTEGER REFERENCES "face_image" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  "service_reference" VARCHAR(120) NOT NULL DEFAULT '',
  "taken_at" TIMESTAMPTZ NOT NULL DEFAULT null
);

CREATE INDEX "proctor_frame_session" ON "proctor_frame" ("session");

CREATE INDEX "proctor_frame_image" ON "proctor_frame" ("image");

CREATE TABLE "proctor_flag" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "attempt" INTEGER NOT NULL REFERENCES "attempt" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "kind" VARCHAR(30) NOT NULL DEFAULT null,
  "failure" VARCHAR(20) DEFAULT null,
  "times" INTEGER NOT NULL DEFAULT 1,
  "first_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "last_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "proctor_flag_kind_known" CHECK ("kind" IN ('REGISTER_FAILED', 'START_FAILED', 'FRAME_FAILED', 'STOP_FAILED', 'FACE_UNVERIFIED', 'CONSENT_WITHDRAWN')),
  CONSTRAINT "proctor_flag_failure_known" CHECK ("failure" IN ('UNAVAILABLE', 'TIMED_OUT', 'BROKEN')),
  CONSTRAINT "proctor_flag_once" UNIQUE ("attempt", "kind")
);

CREATE TABLE "proctor_verdict" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "session" INTEGER NOT NULL REFERENCES "proctor_session" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "event" VARCHAR(80) NOT NULL DEFAULT null,
  "finding" VARCHAR(20) NOT NULL DEFAULT null,
  "remark" TEXT NOT NULL DEFAULT '',
  "found_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "received_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  CONSTRAINT "proctor_verdict_finding_known" CHECK ("finding" IN ('PASSED', 'SUSPICIOUS', 'VIOLATION', 'NOT_REVIEWED')),
  CONSTRAINT "proctor_verdict_once" UNIQUE ("session", "event")
);

CREATE TABLE "retirement" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "service" VARCHAR(20) NOT NULL DEFAULT null,
  "subject" VARCHAR(40) NOT NULL DEFAULT null,
  "asked_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "tries" INTEGER NOT NULL DEFAULT 0,
  "due_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "done_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "retirement_service_known" CHECK ("service" IN ('FACE_VERIFIER', 'PROCTOR'))
);

CREATE INDEX "retirement_due" ON "retirement" ("due_at") WHERE "done_at" IS NULL;

CREATE UNIQUE INDEX "retirement_once" ON "retirement" ("service", "subject") WHERE "done_at" IS NULL;

CREATE TABLE "subject_secret" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "purpose" VARCHAR(20) UNIQUE NOT NULL DEFAULT null,
  "secret" VARCHAR(300) NOT NULL DEFAULT null
);

CREATE TABLE "result" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "assessment" INTEGER UNIQUE NOT NULL REFERENCES "assessment" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "verdict" VARCHAR(20) NOT NULL DEFAULT null,
  "ground" VARCHAR(30) NOT NULL DEFAULT null,
  "state" VARCHAR(30) NOT NULL DEFAULT null,
  "concluded_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "filed_at" TIMESTAMPTZ DEFAULT null,
  "notified_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "result_verdict_known" CHECK ("verdict" IN ('QUALIFIED', 'UNQUALIFIED')),
  CONSTRAINT "result_ground_known" CHECK ("ground" IN ('ALL_PAPERS_PASSED', 'PAPER_FAILED', 'PAPER_MISSED', 'RATING_FAILED')),
  CONSTRAINT "result_state_known" CHECK ("state" IN ('CONCLUDED', 'FILED', 'NOTIFIED', 'REEXAMINATION_REQUESTED', 'UPHELD', 'CHANGED', 'FINAL', 'ANNULLED'))
);

CREATE INDEX "result_notified" ON "result" ("state", "notified_at");

CREATE TABLE "result_document" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "result" INTEGER NOT NULL REFERENCES "result" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "kind" VARCHAR(20) NOT NULL DEFAULT null,
  "number" VARCHAR(40) UNIQUE NOT NULL DEFAULT null,
  "check_code" VARCHAR(40) UNIQUE NOT NULL DEFAULT null,
  "state" VARCHAR(20) NOT NULL DEFAULT null,
  "content" TEXT NOT NULL DEFAULT '',
  "file_name" VARCHAR(80) NOT NULL DEFAULT null,
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  "issued_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "sealed_at" TIMESTAMPTZ DEFAULT null,
  "sealed_by" INTEGER REFERENCES "organisation" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "seal_subject" VARCHAR(200) NOT NULL DEFAULT '',
  CONSTRAINT "result_document_kind_known" CHECK ("kind" IN ('NOTICE', 'CERTIFICATE')),
  CONSTRAINT "result_document_state_known" CHECK ("state" IN ('ISSUED', 'UNSEALED', 'SEALED', 'REVOKED')),
  CONSTRAINT "result_document_once" UNIQUE ("result", "kind")
);

CREATE INDEX "result_document_sealed_by" ON "result_document" ("sealed_by");

CREATE TABLE "document_sequence" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "series" VARCHAR(60) UNIQUE NOT NULL DEFAULT null,
  "last" INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE "outbox_message" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "phone" VARCHAR(300) NOT NULL DEFAULT null,
  "phone_index" VARCHAR(60) NOT NULL DEFAULT null,
  "purpose" VARCHAR(30) NOT NULL DEFAULT null,
  "text" TEXT NOT NULL DEFAULT '',
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT null
);

CREATE INDEX "outbox_message_phone_index" ON "outbox_message" ("phone_index");

CREATE TABLE "audit_head" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "number" INTEGER NOT NULL DEFAULT 0,
  "digest" VARCHAR(64) NOT NULL DEFAULT ''
);

INSERT INTO "audit_head" ("id", "number", "digest") VALUES (1, 0, '');

CREATE TRIGGER "audit_head_moves" BEFORE UPDATE ON "audit_head" WHEN NEW."number" <> OLD."number" + 1 OR NEW."id" <> OLD."id" BEGIN SELECT RAISE(ABORT, 'audit_head moves with the entries alone'); END;

CREATE TRIGGER "audit_head_stays" BEFORE DELETE ON "audit_head" BEGIN SELECT RAISE(ABORT, 'audit_head moves with the entries alone'); END;

CREATE TABLE "audit_retention" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "last_entry" INTEGER NOT NULL DEFAULT null,
  "digest" VARCHAR(64) NOT NULL DEFAULT null,
  "pruned_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "entries" INTEGER NOT NULL DEFAULT 0
);

CREATE TRIGGER "audit_retention_no_update" BEFORE UPDATE ON "audit_retention" BEGIN SELECT RAISE(ABORT, 'audit_retention is only appended to'); END;

CREATE TRIGGER "audit_retention_no_delete" BEFORE DELETE ON "audit_retention" BEGIN SELECT RAISE(ABORT, 'audit_retention is only appended to'); END;

CREATE TRIGGER "audit_retention_age" BEFORE INSERT ON "audit_retention" WHEN NOT EXISTS (SELECT 1 FROM "audit_entry" WHERE "id" = NEW."last_entry" AND julianday("at") < julianday('now') - 183) BEGIN SELECT RAISE(ABORT, 'audit_retention: entries are kept for at least 183 days'); END;

CREATE TABLE "audit_entry" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "account" INTEGER DEFAULT null,
  "session" INTEGER DEFAULT null,
  "role" VARCHAR(30) NOT NULL DEFAULT null,
  "organisation" INTEGER DEFAULT null,
  "address" VARCHAR(60) NOT NULL DEFAULT '',
  "request_id" VARCHAR(40) NOT NULL DEFAULT null,
  "action" VARCHAR(60) NOT NULL DEFAULT null,
  "object_type" VARCHAR(60) NOT NULL DEFAULT null,
  "object_id" INTEGER DEFAULT null,
  "result" VARCHAR(60) NOT NULL DEFAULT 'OK',
  "before" VARCHAR(64) NOT NULL DEFAULT '',
  "after" VARCHAR(64) NOT NULL DEFAULT '',
  "detail" TEXT NOT NULL DEFAULT '{}',
  "key" VARCHAR(40) NOT NULL DEFAULT '',
  "previous" VARCHAR(64) NOT NULL DEFAULT '',
  "digest" VARCHAR(64) NOT NULL DEFAULT ''
);

CREATE INDEX "audit_entry_object" ON "audit_entry" ("object_type", "object_id", "id");

CREATE INDEX "audit_entry_account" ON "audit_entry" ("account", "id");

CREATE INDEX "audit_entry_at" ON "audit_entry" ("at");

CREATE TRIGGER "audit_entry_no_update" BEFORE UPDATE ON "audit_entry" BEGIN SELECT RAISE(ABORT, 'audit_entry is only appended to'); END;

CREATE TRIGGER "audit_entry_no_delete" BEFORE DELETE ON "audit_entry" WHEN NOT EXISTS (SELECT 1 FROM "audit_retention" WHERE "last_entry" >= OLD."id") BEGIN SELECT RAISE(ABORT, 'audit_entry is only appended to'); END;

CREATE TRIGGER "audit_entry_next" BEFORE INSERT ON "audit_entry" BEGIN SELECT RAISE(ABORT, 'audit_entry: an entry continues the chain at its head') WHERE NOT EXISTS (SELECT 1 FROM "audit_head" WHERE "id" = 1 AND "number" + 1 = NEW."id" AND "digest" = NEW."previous"); UPDATE "audit_head" SET "number" = NEW."id", "digest" = NEW."digest" WHERE "id" = 1; END;

CREATE TABLE "state_transition" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "machine" VARCHAR(40) NOT NULL DEFAULT null,
  "object_id" INTEGER NOT NULL DEFAULT null,
  "assessment" INTEGER NOT NULL DEFAULT null,
  "source" VARCHAR(40) NOT NULL DEFAULT null,
  "event" VARCHAR(40) NOT NULL DEFAULT null,
  "target" VARCHAR(40) NOT NULL DEFAULT null,
  "account" INTEGER DEFAULT null,
  "role" VARCHAR(30) NOT NULL DEFAULT null,
  "organisation" INTEGER DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "policy_version" VARCHAR(200) NOT NULL DEFAULT ''
);

CREATE INDEX "state_transition_object" ON "state_transition" ("machine", "object_id", "id");

CREATE INDEX "state_transition_assessment" ON "state_transition" ("assessment", "id");

CREATE TRIGGER "state_transition_no_update" BEFORE UPDATE ON "state_transition" BEGIN SELECT RAISE(ABORT, 'state_transition is only appended to'); END;

CREATE TRIGGER "state_transition_no_delete" BEFORE DELETE ON "state_transition" BEGIN SELECT RAISE(ABORT, 'state_transition is only appended to'); END;

CREATE TABLE "legal_hold" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "account" INTEGER NOT NULL REFERENCES "account" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "reason" TEXT NOT NULL DEFAULT '',
  "placed_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "lifted_at" TIMESTAMPTZ DEFAULT null
);

CREATE UNIQUE INDEX "legal_hold_in_force" ON "legal_hold" ("account") WHERE "lifted_at" IS NULL;

CREATE TABLE "lease" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "name" VARCHAR(40) UNIQUE NOT NULL DEFAULT null,
  "holder" VARCHAR(60) NOT NULL DEFAULT null,
  "held_until" TIMESTAMPTZ NOT NULL DEFAULT null
);
