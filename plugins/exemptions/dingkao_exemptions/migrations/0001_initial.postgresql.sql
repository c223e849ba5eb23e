CREATE TABLE "exemptions_request" (
  "id" BIGSERIAL PRIMARY KEY NOT NULL,
  "assessment" BIGINT NOT NULL DEFAULT null,
  "procedure" VARCHAR(40) NOT NULL DEFAULT null,
  "procedure_title" VARCHAR(60) NOT NULL DEFAULT '',
  "subject" VARCHAR(20) NOT NULL DEFAULT null,
  "conditions" TEXT NOT NULL DEFAULT '',
  "state" VARCHAR(30) NOT NULL DEFAULT null,
  "institution" BIGINT NOT NULL DEFAULT null,
  "body" BIGINT DEFAULT null,
  "requested_by" BIGINT NOT NULL DEFAULT null,
  "requested_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  "institution_decision" VARCHAR(20) DEFAULT null,
  "institution_account" BIGINT DEFAULT null,
  "institution_reason" TEXT NOT NULL DEFAULT '',
  "institution_decided_at" TIMESTAMPTZ DEFAULT null,
  "body_decision" VARCHAR(20) DEFAULT null,
  "body_account" BIGINT DEFAULT null,
  "body_reason" TEXT NOT NULL DEFAULT '',
  "body_decided_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "exemptions_request_subject_known" CHECK ("subject" IN ('HUMANITIES', 'PROFESSIONAL')),
  CONSTRAINT "exemptions_request_state_known" CHECK ("state" IN ('REQUESTED', 'INSTITUTION_APPROVED', 'BODY_APPROVED', 'REJECTED')),
  CONSTRAINT "exemptions_request_institution_decision_known" CHECK ("institution_decision" IN ('APPROVE', 'REJECT')),
  CONSTRAINT "exemptions_request_body_decision_known" CHECK ("body_decision" IN ('APPROVE', 'REJECT')),
  CONSTRAINT "exemptions_request_requested_means_undecided" CHECK (("state" = 'REQUESTED') = ("institution_decision" IS NULL)),
  CONSTRAINT "exemptions_request_body_after_institution" CHECK ("body_decision" IS NULL OR ("institution_decision" IS NOT NULL AND "institution_decision" = 'APPROVE')),
  CONSTRAINT "exemptions_request_approved_means_body_decision" CHECK (("state" = 'BODY_APPROVED') = ("body_decision" IS NOT NULL AND "body_decision" = 'APPROVE')),
  CONSTRAINT "exemptions_request_institution_decision_is_signed" CHECK (("institution_decision" IS NULL) = ("institution_account" IS NULL OR "institution_decided_at" IS NULL)),
  CONSTRAINT "exemptions_request_body_decision_is_signed" CHECK (("body_decision" IS NULL) = ("body_account" IS NULL OR "body_decided_at" IS NULL))
);

CREATE INDEX "exemptions_request_assessment" ON "exemptions_request" ("assessment", "id");

CREATE UNIQUE INDEX "exemptions_request_one_open" ON "exemptions_request" ("assessment", "procedure", "institution", "subject") WHERE "state" IN ('REQUESTED', 'INSTITUTION_APPROVED');

CREATE INDEX "exemptions_request_institution_queue" ON "exemptions_request" ("institution", "state", "id");

CREATE INDEX "exemptions_request_body_queue" ON "exemptions_request" ("body", "state", "id");

CREATE TABLE "exemptions_proof" (
  "id" BIGSERIAL PRIMARY KEY NOT NULL,
  "request" BIGINT NOT NULL REFERENCES "exemptions_request" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "position" INTEGER NOT NULL DEFAULT null,
  "file" BIGINT NOT NULL DEFAULT null,
  "kind" VARCHAR(40) DEFAULT null,
  "kind_title" VARCHAR(120) NOT NULL DEFAULT '',
  CONSTRAINT "exemptions_proof_once" UNIQUE ("request", "file"),
  CONSTRAINT "exemptions_proof_placed_once" UNIQUE ("request", "position")
);
