CREATE TABLE `event_type_schemas` (
	`tenant_id` text NOT NULL,
	`name` text NOT NULL,
	`version` integer NOT NULL,
	`schema` text,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `name`, `version`)
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `event_types` ADD `schema_version` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `event_types` ADD `example` text;--> statement-breakpoint
ALTER TABLE `event_types` ADD `deprecated_at` integer;--> statement-breakpoint
ALTER TABLE `event_types` ADD `archived_at` integer;--> statement-breakpoint
CREATE INDEX `event_types_checked` ON `event_types` (`tenant_id`,`name`) WHERE schema_version > 0 OR deprecated_at IS NOT NULL OR archived_at IS NOT NULL;--> statement-breakpoint
ALTER TABLE `tenants` ADD `unknown_event_types` text DEFAULT 'accept' NOT NULL;
