CREATE TABLE `source_failures` (
	`tenant_id` text NOT NULL,
	`source_id` text NOT NULL,
	`minute` integer NOT NULL,
	`reason` text NOT NULL,
	`address` text NOT NULL,
	`count` integer NOT NULL,
	`last_at` integer NOT NULL,
	`header_names` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `source_id`, `minute`, `reason`, `address`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `source_failures_minute` ON `source_failures` (`minute`);--> statement-breakpoint
CREATE TABLE `sources` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`provider` text NOT NULL,
	`settings` text NOT NULL,
	`credentials` text NOT NULL,
	`tolerance_s` integer NOT NULL,
	`ip_allowlist` text,
	`rate_limit_per_s` integer,
	`body_bytes_max` integer NOT NULL,
	`answer` text,
	`event_type_prefix` text NOT NULL,
	`channels` text NOT NULL,
	`public_url` text,
	`paused_at` integer,
	`failing_told_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `sources_id` ON `sources` (`id`);--> statement-breakpoint
ALTER TABLE `unmatched_messages` ADD `headers` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `unmatched_messages` ADD `parked_by` text;--> statement-breakpoint
CREATE INDEX `unmatched_messages_parked` ON `unmatched_messages` (`tenant_id`,`parked_by`,`accepted_at`) WHERE parked_by IS NOT NULL;