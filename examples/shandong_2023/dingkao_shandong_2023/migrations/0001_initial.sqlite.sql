CREATE TABLE "shandong_2023_draw" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "institution" INTEGER NOT NULL DEFAULT null,
  "body" INTEGER DEFAULT null,
  "pool" INTEGER NOT NULL DEFAULT null,
  "drawn" INTEGER NOT NULL DEFAULT null,
  "percent" INTEGER NOT NULL DEFAULT null,
  "seed" INTEGER NOT NULL DEFAULT null,
  "account" INTEGER NOT NULL DEFAULT null,
  "drawn_at" TIMESTAMPTZ NOT NULL DEFAULT null,
  CONSTRAINT "shandong_2023_draw_drawn_of_pool" CHECK ("drawn" <= "pool")
);

CREATE INDEX "shandong_2023_draw_institution" ON "shandong_2023_draw" ("institution", "id");

CREATE TABLE "shandong_2023_spot_check" (
  "id" INTEGER PRIMARY KEY NOT NULL,
  "draw" INTEGER REFERENCES "shandong_2023_draw" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT DEFAULT null,
  "assessment" INTEGER NOT NULL DEFAULT null,
  "submission_number" INTEGER NOT NULL DEFAULT null,
  "body" INTEGER DEFAULT null,
  "state" VARCHAR(20) NOT NULL DEFAULT null,
  "order_reason" TEXT NOT NULL DEFAULT '',
  "ordered_by" INTEGER DEFAULT null,
  "finding" TEXT NOT NULL DEFAULT '',
  "decided_by" INTEGER DEFAULT null,
  "decided_at" TIMESTAMPTZ DEFAULT null,
  CONSTRAINT "shandong_2023_spot_check_state_known" CHECK ("state" IN ('SPARED', 'OPEN', 'CONFIRMED', 'NOT_CONFIRMED')),
  CONSTRAINT "shandong_2023_spot_check_once" UNIQUE ("assessment", "submission_number"),
  CONSTRAINT "shandong_2023_spot_check_drawn_or_ordered" CHECK ("draw" IS NOT NULL OR "ordered_by" IS NOT NULL),
  CONSTRAINT "shandong_2023_spot_check_decided_is_signed" CHECK (("state" IN ('CONFIRMED', 'NOT_CONFIRMED')) = ("decided_by" IS NOT NULL AND "decided_at" IS NOT NULL))
);

CREATE INDEX "shandong_2023_spot_check_queue" ON "shandong_2023_spot_check" ("body", "state", "id");

CREATE INDEX "shandong_2023_spot_check_draw" ON "shandong_2023_spot_check" ("draw");
