variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Subnets of the database, in two zones at least."

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must be two or more: Aurora keeps its copies in different zones."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group that says who connects."
}

variable "engine_version" {
  type        = string
  default     = "17.5"
  description = "Version of Aurora PostgreSQL, as `17.5`."

  validation {
    condition     = can(regex("^1[67]\\.[0-9]{1,2}$", var.engine_version))
    error_message = "engine_version must be a release of Aurora PostgreSQL 16 or 17, as 17.5."
  }
}

variable "capacity" {
  type        = object({ min = number, max = number })
  description = "Aurora capacity units, of 2 GiB memory each, in steps of a half; a minimum of 0 pauses an idle database."

  validation {
    condition = (
      var.capacity.min >= 0 && var.capacity.max >= 1 && var.capacity.max <= 256 && var.capacity.min <= var.capacity.max
      && var.capacity.min * 2 == floor(var.capacity.min * 2) && var.capacity.max * 2 == floor(var.capacity.max * 2)
    )
    error_message = "capacity must have min from 0 and max from 1 to 256, in steps of 0.5, min not above max."
  }
}

variable "instance_count" {
  type        = number
  default     = 1
  description = "Instances: 1, or more to go on without delay when one's zone fails."

  validation {
    condition     = var.instance_count >= 1 && var.instance_count <= 15
    error_message = "instance_count must be 1 to 15."
  }
}

variable "backup_days" {
  type        = number
  default     = 14
  description = "Days back to which the database can be restored, to the second."

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be 1 to 35."
  }
}

variable "protected" {
  type        = bool
  default     = true
  description = "Whether deletion is refused, and leaves a last snapshot once it isn't."
}

variable "clients" {
  type        = set(string)
  default     = ["dagster", "mlflow"]
  description = "Who has a role and a database of its own, and a secret for it."
}

variable "passwords" {
  type        = map(string)
  ephemeral   = true
  sensitive   = true
  description = "A password for each of `clients`: new ones each time, of which only those of a new generation are written."
}

variable "password_generation" {
  type        = number
  default     = 1
  description = "Number of the clients' passwords: one more makes new ones."
}
