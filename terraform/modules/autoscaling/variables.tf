variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`."
}

variable "cluster_name" {
  type        = string
  description = "ECS cluster of the services."
}

variable "services" {
  type = map(object({
    min   = number
    max   = number
    cpu   = optional(number)
    queue = optional(number)
  }))
  description = "Tasks of each service at least and at most; `cpu`: percent to hold; `queue`: queued runs per task to hold."

  validation {
    condition     = alltrue([for service in var.services : service.min >= 1 && service.max >= service.min])
    error_message = "min of a service must be 1 or more, and max no less."
  }

  validation {
    condition     = alltrue([for service in var.services : service.cpu == null ? true : service.cpu >= 20 && service.cpu <= 90])
    error_message = "cpu of a service must be 20 to 90 percent: below it never shrinks, above it grows too late."
  }
}

variable "queue_metric" {
  type        = object({ namespace = string, name = string })
  description = "CloudWatch metric of how many runs wait."
}

variable "office_hours" {
  type        = object({ start = string, end = string, timezone = string })
  default     = null
  description = "Cron fields of when services start and stop, as `0 7 ? * MON-FRI *`; null: they always run."
}

variable "office_services" {
  type        = map(number)
  default     = {}
  description = "Services that stop outside `office_hours`, with their number inside."
}
