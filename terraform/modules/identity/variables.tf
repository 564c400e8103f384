variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`."
}

variable "environment" {
  type        = string
  description = "dev, staging or prod: what the roles of people are roles in."

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "tasks" {
  type = map(object({
    repository_arn = string
    secret_arns    = list(string)
    grants         = list(string)
  }))
  description = "Each service or one-off task, by its name: the repository of its image, its secrets, and what it may do (names of grants.tf)."
}

variable "runners" {
  type        = set(string)
  description = "Roles of people who may run in this environment. For each there is a role of runs; for the others there is none."

  validation {
    condition     = length(setsubtract(var.runners, ["analyst", "data-scientist", "ml-engineer", "risk-officer", "platform-admin"])) == 0
    error_message = "runners must be of analyst, data-scientist, ml-engineer, risk-officer, platform-admin."
  }
}

variable "schedule_runner" {
  type        = string
  description = "The one of `runners` as whom scheduled runs run, and those that are launched in Dagster's pages."
}

variable "run_repository_arn" {
  type        = string
  description = "Repository of the image of runs and training jobs."
}

variable "run_secret_arns" {
  type        = list(string)
  description = "Secrets that a run gets."
}

variable "bucket_arns" {
  type        = object({ data = string, artifacts = string, logs = string, audit = string })
  description = "ARN of each bucket."
}

variable "key_arns" {
  type        = object({ data = string, artifacts = string, audit = string, database = string, registry = string })
  description = "KMS key of each bucket, of the database's passwords and of the images."
}

variable "audit_prefix" {
  type        = string
  description = "Key prefix of audit entries, ending in /."
}

variable "metrics_workspace_arn" {
  type        = string
  description = "Managed Prometheus, into which the collector writes."
}

variable "people_account_id" {
  type        = string
  description = "Account where people sign in, whose sessions carry the tag `lab-role-<environment>`."

  validation {
    condition     = can(regex("^[0-9]{12}$", var.people_account_id))
    error_message = "people_account_id must be an account number of 12 digits."
  }
}

variable "exec_allowed" {
  type        = bool
  default     = false
  description = "Whether platform-admins may open a shell in a container."
}

variable "repository" {
  type        = string
  description = "GitHub repository whose workflows deploy, as `owner/name`."

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be owner/name, without a wildcard: whoever matches it can deploy."
  }
}

variable "state_bucket_arn" {
  type        = string
  description = "Bucket of Terraform's state, which plans read and lock."
}

variable "state_key_arn" {
  type        = string
  description = "KMS key of that bucket."
}

variable "look_role_arns" {
  type        = list(string)
  description = "Roles in the other accounts that only look."
}

variable "refreshed_secret_arns" {
  type        = list(string)
  description = "Secrets that Terraform reads when it compares what is there with its state."
}
