variable "environment" {
  type        = string
  description = "dev, staging or prod."

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod: anything else is refused, never treated as dev."
  }
}

variable "region" {
  type        = string
  description = "AWS region, as `eu-west-1`."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, as eu-west-1."
  }
}

variable "domain" {
  type        = string
  description = "Domain of the pages; its hosted zone is made by terraform/bootstrap."
}

variable "image_tag" {
  type        = string
  description = "Tag of every image: that of the release or commit that was built."

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{2,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "image_tag must name one build, and latest names none."
  }
}

variable "network" {
  type = object({
    cidr         = string
    zone_count   = number
    nat_per_zone = bool
    client_cidrs = list(string)
  })
  description = "Addresses, zones and ways out; who reaches the pages."

  validation {
    condition     = var.environment != "prod" || (var.network.nat_per_zone && var.network.zone_count == 3)
    error_message = "network of prod must have three zones with a NAT each: one zone must be able to fail."
  }
}

variable "database" {
  type = object({
    engine_version      = optional(string, "17.5")
    capacity            = object({ min = number, max = number })
    instance_count      = number
    backup_days         = number
    password_generation = optional(number, 1)
  })
  description = "Size, copies and backups of Aurora; one more `password_generation` makes new passwords."

  validation {
    condition     = var.environment != "prod" || (var.database.instance_count >= 2 && var.database.backup_days >= 30)
    error_message = "database of prod must have two instances or more, and backups of 30 days or more."
  }
}

variable "passwords" {
  type        = map(string)
  ephemeral   = true
  sensitive   = true
  description = "Passwords of the database's clients, dagster and mlflow; see `password_generation` of `database`."
}

variable "scaling" {
  type = map(object({
    min   = number
    max   = number
    cpu   = optional(number)
    queue = optional(number)
  }))
  description = "Tasks of a service at least and at most, and what they are held at; one task where it isn't named. See `autoscaling`."

  validation {
    condition     = length(setintersection(keys(var.scaling), ["dagster-daemon", "governance-metrics", "collector"])) == 0
    error_message = "scaling can't name dagster-daemon, governance-metrics or collector: two of one would do everything twice."
  }
}

variable "spot" {
  type        = bool
  description = "Whether services run on capacity that AWS may take back within two minutes."

  validation {
    condition     = !(var.spot && var.environment == "prod")
    error_message = "spot must be false in prod: services would go and come with the spot market."
  }
}

variable "office_hours" {
  type        = object({ start = string, end = string, timezone = string })
  default     = null
  description = "When services run, as cron fields; null: always."

  validation {
    condition     = var.office_hours == null || var.environment == "dev"
    error_message = "office_hours are for dev: staging and prod run around the clock."
  }
}

variable "training" {
  type = object({
    backend        = optional(string, "batch")
    queue          = optional(string, "fargate")
    limits         = object({ fargate = number, ec2 = number })
    instance_types = optional(list(string), ["c7i", "m7i", "r7i"])
  })
  description = "Where runs train: `local`, in their own task, or `batch`, in a job of `queue` (fargate or ec2); vCPU at most of these, and machines for large jobs."

  validation {
    condition     = contains(["local", "batch"], var.training.backend) && contains(["fargate", "ec2"], var.training.queue)
    error_message = "training.backend must be local or batch, and training.queue fargate or ec2."
  }
}

variable "audit_retention_days" {
  type        = number
  description = "Days for which nobody can delete or change an audit entry."

  validation {
    condition     = var.environment != "prod" || var.audit_retention_days >= 365
    error_message = "audit_retention_days of prod must be 365 or more."
  }
}

variable "audit_prefix" {
  type        = string
  default     = "governance/audit/"
  description = "Key prefix of audit entries, ending in /."
}

variable "log_retention_days" {
  type        = number
  description = "Days for which logs are kept."

  validation {
    condition     = var.environment == "dev" || var.log_retention_days >= 365
    error_message = "log_retention_days must be 365 or more outside dev."
  }
}

variable "runners" {
  type        = set(string)
  description = "Roles of people who may run here: what ALLOWED_STAGING_ROLES and ALLOWED_PROD_ROLES say, held by IAM."

  validation {
    condition     = length(var.runners) > 0 && (var.environment != "prod" || length(setintersection(var.runners, ["analyst", "data-scientist"])) == 0)
    error_message = "runners must name somebody, and in prod neither analyst nor data-scientist."
  }
}

variable "schedule_runner" {
  type        = string
  default     = "ml-engineer"
  description = "The one of `runners` as whom scheduled runs run."

  validation {
    condition     = contains(var.runners, var.schedule_runner)
    error_message = "schedule_runner must be one of runners."
  }
}

variable "people_account_id" {
  type        = string
  description = "Account where people sign in."
}

variable "repository" {
  type        = string
  description = "GitHub repository whose workflows deploy, as `owner/name`."
}

variable "state_bucket" {
  type        = string
  description = "Bucket of Terraform's state."
}

variable "oidc" {
  type = object({
    issuer                 = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
  })
  description = "The provider that says who somebody is, before any page is reached."
}

variable "oidc_client_secret" {
  type        = string
  sensitive   = true
  description = "Secret of `oidc.client_id`."
}

variable "alert_emails" {
  type        = set(string)
  description = "Who is written to when something is wrong."
}

variable "monthly_usd" {
  type        = number
  description = "What a month may cost before somebody is told."
}
