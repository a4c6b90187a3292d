CREATE TABLE `totp_enrolments` (
	`tenant_id` text NOT NULL,
	`key_id` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` integer NOT NULL,
	`confirmed_at` integer,
	`last_step` integer NOT NULL,
	`failures` integer NOT NULL,
	`locked_until` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `key_id`)
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `api_keys` ADD `enrolment_of` text;--> statement-breakpoint
ALTER TABLE `tenants` ADD `step_up` text DEFAULT 'enrolled' NOT NULL;--> statement-breakpoint
ALTER TABLE `tenants` ADD `own_step_up` text DEFAULT 'enrolled' NOT NULL;