variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`. Bucket names end in the number of the account that holds them."
}

variable "audit_prefix" {
  type        = string
  description = "Key prefix of audit entries, ending in /."

  validation {
    condition     = can(regex("^[^/].*[^/]/$", var.audit_prefix))
    error_message = "audit_prefix must be a prefix like governance/audit/: no / in front, one at the end."
  }
}

variable "audit_retention_days" {
  type        = number
  description = "Days for which nobody, the account's root user included, can delete or change an audit entry."

  validation {
    condition     = var.audit_retention_days >= 1 && var.audit_retention_days <= 36500
    error_message = "audit_retention_days must be 1 to 36500."
  }
}

variable "audit_writers" {
  type        = list(string)
  description = "ARN patterns of the roles that append audit entries."
}

variable "audit_readers" {
  type        = list(string)
  description = "ARN patterns of the roles that read audit entries."
}

variable "audit_checkers" {
  type        = list(string)
  description = "ARN patterns of the roles that see how entries are kept, and read none."
}

variable "log_expiry_days" {
  type        = number
  default     = 365
  description = "Days for which access logs are kept."
}

variable "force_destroy" {
  type        = bool
  default     = false
  description = "Whether destroying deletes what is in the buckets of data, artifacts and logs. The audit bucket never is emptied so."
}
