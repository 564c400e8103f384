variable "name" {
  type        = string
  description = "Name of the secret, as `mlops-dev/mlflow-db`."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*(/[a-z0-9-]+)+$", var.name))
    error_message = "name must be parts of a-z, 0-9 and -, separated by /."
  }
}

variable "purpose" {
  type        = string
  description = "What the secret opens, in a few words."
}

variable "key_arn" {
  type        = string
  description = "KMS key that encrypts it."
}

variable "value" {
  type        = string
  ephemeral   = true
  sensitive   = true
  description = "The secret itself. It is written when `generation` changes, and ignored otherwise."
}

variable "generation" {
  type        = number
  default     = 1
  description = "Number of the secret's value: one more writes the value anew at the next apply."

  validation {
    condition     = var.generation >= 1 && floor(var.generation) == var.generation
    error_message = "generation must be a whole number from 1."
  }
}

variable "recovery_days" {
  type        = number
  default     = 30
  description = "Days for which a deleted secret can be brought back; 0 deletes at once."

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days must be 0, or 7 to 30."
  }
}
