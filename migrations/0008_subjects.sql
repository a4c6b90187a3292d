CREATE TABLE `erasures` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`subject` text NOT NULL,
	`requested_at` integer NOT NULL,
	`requested_by` text NOT NULL,
	`completed_at` integer,
	`deliveries` integer DEFAULT 0 NOT NULL,
	`unfinished_deliveries` integer DEFAULT 0 NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`unmatched_messages` integer DEFAULT 0 NOT NULL,
	`dead_letters` integer DEFAULT 0 NOT NULL,
	`payloads` integer DEFAULT 0 NOT NULL,
	`progress` text NOT NULL,
	`run_after` integer NOT NULL,
	`signature` text,
	PRIMARY KEY(`tenant_id`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `erasures_running` ON `erasures` (`run_after`) WHERE completed_at IS NULL;--> statement-breakpoint
CREATE INDEX `erasures_subject` ON `erasures` (`tenant_id`,`subject`);--> statement-breakpoint
ALTER TABLE `deliveries` ADD `subject` text;--> statement-breakpoint
ALTER TABLE `deliveries` ADD `erased_at` integer;--> statement-breakpoint
CREATE INDEX `deliveries_subject` ON `deliveries` (`tenant_id`,`subject`,`accepted_at`) WHERE subject IS NOT NULL;--> statement-breakpoint
ALTER TABLE `unmatched_messages` ADD `subject` text;--> statement-breakpoint
ALTER TABLE `unmatched_messages` ADD `erased_at` integer;--> statement-breakpoint
CREATE INDEX `unmatched_messages_subject` ON `unmatched_messages` (`tenant_id`,`subject`,`accepted_at`) WHERE subject IS NOT NULL;