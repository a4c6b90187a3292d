CREATE TABLE `audit_log` (
	`tenant_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at` integer NOT NULL,
	`action` text NOT NULL,
	`target` text,
	`key_id` text NOT NULL,
	`role` text NOT NULL,
	`address` text,
	`user_agent` text,
	`request_id` text,
	`before` text,
	`after` text,
	`prev_hash` text NOT NULL,
	`hash` text NOT NULL,
	`mac` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `seq`)
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `tenants` ADD `audit_retention_days` integer DEFAULT 365 NOT NULL;