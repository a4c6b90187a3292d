CREATE TABLE `upkeep` (
	`job` text PRIMARY KEY NOT NULL,
	`progress` text NOT NULL,
	`updated_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `tenant_deletions` (
	`tenant_id` text PRIMARY KEY NOT NULL,
	`requested_at` integer NOT NULL
) WITHOUT ROWID;
