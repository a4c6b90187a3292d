ALTER TABLE `event_types` ADD `redact` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `event_types` ADD `retention_days` integer;--> statement-breakpoint
ALTER TABLE `event_types` ADD `expired_until` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `event_types_retained` ON `event_types` (`tenant_id`,`retention_days`) WHERE retention_days IS NOT NULL;--> statement-breakpoint
ALTER TABLE `unmatched_messages` ADD `expired_at` integer;--> statement-breakpoint
ALTER TABLE `tenants` ADD `redact` text DEFAULT '[]' NOT NULL;