variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`."
}

variable "audit_bucket" {
  type        = object({ name = string, arn = string })
  description = "Bucket of the audit trail."
}

variable "audit_prefix" {
  type        = string
  description = "Key prefix of audit entries, ending in /."
}

variable "trail_retention_days" {
  type        = number
  default     = 365
  description = "Days for which nobody can delete what CloudTrail wrote."

  validation {
    condition     = var.trail_retention_days >= 1 && var.trail_retention_days <= 36500
    error_message = "trail_retention_days must be 1 to 36500."
  }
}

variable "head_retention_days" {
  type        = number
  default     = 0
  description = "Days for which copies of heads are kept; 0: for ever."
}

variable "budget" {
  type        = object({ monthly_usd = number, alert_topic_arn = string })
  description = "What a month may cost, and the topic that is told at four fifths of it, and when it is foreseen to cost more."

  validation {
    condition     = var.budget.monthly_usd > 0
    error_message = "budget.monthly_usd must be above 0."
  }
}

variable "lookers" {
  type        = list(string)
  description = "ARN of each role of the lab's account that may see how the other two accounts are set."
}
