variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`."
}

variable "repositories" {
  type        = set(string)
  description = "Images to hold, one repository each."

  validation {
    condition     = length(var.repositories) > 0 && alltrue([for name in var.repositories : can(regex("^[a-z][a-z0-9-]*$", name))])
    error_message = "repositories must be names of a-z, 0-9 and -, at least one."
  }
}

variable "keep" {
  type        = number
  default     = 30
  description = "Images to keep per repository: enough to go back to any that was in service."

  validation {
    condition     = var.keep >= 5
    error_message = "keep must be 5 or more, or a way back is lost."
  }
}

variable "force_delete" {
  type        = bool
  default     = false
  description = "Whether destroying deletes the images, too."
}
