CREATE TABLE `dead_letters` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`cause` text NOT NULL,
	`endpoint_id` text,
	`message_id` text,
	`event_type` text,
	`accepted_at` integer,
	`died_at` integer NOT NULL,
	`attempts` integer,
	`last_status` integer,
	`last_error` text,
	`queue` text,
	`body` text,
	`error` text,
	PRIMARY KEY(`tenant_id`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `dead_letters_recent` ON `dead_letters` (`tenant_id`,`cause`,`died_at`,`id`);--> statement-breakpoint
CREATE INDEX `dead_letters_internal` ON `dead_letters` (`cause`,`died_at`,`id`);--> statement-breakpoint
CREATE TABLE `deliveries` (
	`tenant_id` text NOT NULL,
	`accepted_at` integer NOT NULL,
	`message_id` text NOT NULL,
	`endpoint_id` text NOT NULL,
	`event_type` text NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`ordering_key` text,
	`attempts` integer NOT NULL,
	`last_status` integer,
	`last_error` text,
	`next_attempt_at` integer,
	`finished_at` integer,
	`updated_at` integer NOT NULL,
	`revision` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `accepted_at`, `message_id`, `endpoint_id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `deliveries_keyed` ON `deliveries` (`tenant_id`,`message_id`) WHERE message_id >= 'msg_Z';--> statement-breakpoint
CREATE INDEX `deliveries_unsuccessful` ON `deliveries` (`tenant_id`,`state`,`accepted_at`) WHERE state <> 'succeeded' AND state <> 'pending';--> statement-breakpoint
CREATE TABLE `endpoints` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`version` integer NOT NULL,
	`url` text NOT NULL,
	`description` text NOT NULL,
	`disabled` text,
	`disabled_at` integer,
	`enabled_at` integer,
	`cancel_before` integer,
	`event_types` text NOT NULL,
	`channels` text,
	`headers` text NOT NULL,
	`timeout_ms` integer NOT NULL,
	`retry_delays_s` text NOT NULL,
	`max_in_flight` integer NOT NULL,
	`rate_limit_per_s` integer,
	`ordering` text NOT NULL,
	`filter` text,
	`transform` text,
	`secrets` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `event_types` (
	`tenant_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `name`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text,
	`role` text NOT NULL,
	`name` text NOT NULL,
	`hash` text NOT NULL,
	`hint` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_hash` ON `api_keys` (`hash`);--> statement-breakpoint
CREATE INDEX `api_keys_tenant` ON `api_keys` (`tenant_id`,`id`);--> statement-breakpoint
CREATE TABLE `unmatched_messages` (
	`tenant_id` text NOT NULL,
	`accepted_at` integer NOT NULL,
	`id` text NOT NULL,
	`event_type` text NOT NULL,
	`content_type` text NOT NULL,
	`format` text NOT NULL,
	`channels` text NOT NULL,
	`ordering_key` text,
	`fingerprint` text NOT NULL,
	`payload` blob,
	`r2_key` text,
	`size_bytes` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `accepted_at`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `unmatched_messages_keyed` ON `unmatched_messages` (`tenant_id`,`id`) WHERE id >= 'msg_Z';--> statement-breakpoint
CREATE TABLE `tenants` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`version` integer NOT NULL,
	`limits` text NOT NULL,
	`disable_after_days` integer NOT NULL,
	`retention_days` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
) WITHOUT ROWID;
