variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`."
}

variable "tasks" {
  type        = set(string)
  description = "Services and one-off tasks, each with a log group."
}

variable "services" {
  type        = set(string)
  description = "Those of `tasks` that always run: an alarm when one doesn't."
}

variable "database_identifier" {
  type        = string
  description = "Aurora cluster to watch."
}

variable "key_arn" {
  type        = string
  description = "KMS key of logs and notifications."
}

variable "log_retention_days" {
  type        = number
  description = "Days for which logs are kept."

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch knows, 30 or more: 30, 60, 90, 180, 365, 731, 1827, 3653 and some between."
  }
}

variable "alert_emails" {
  type        = set(string)
  description = "Who is written to when an alarm or alert fires; each confirms once."

  validation {
    condition     = length(var.alert_emails) > 0 && alltrue([for email in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "alert_emails must be addresses, at least one: an alarm that nobody hears is none."
  }
}

variable "alert_rules" {
  type        = string
  description = "Alert rules in Prometheus' format: those of the lab."
}
