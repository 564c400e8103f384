variable "name" {
  type        = string
  description = "Alias of the key, without `alias/`."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,62}$", var.name))
    error_message = "name must start with a-z and hold only a-z, 0-9 and -, 3 to 63 characters."
  }
}

variable "purpose" {
  type        = string
  description = "What the key encrypts, in a few words; shown in the console."
}

variable "services" {
  type        = list(string)
  default     = []
  description = "AWS services that may use the key for this account, as `logs.eu-west-1.amazonaws.com`."

  validation {
    condition     = alltrue([for service in var.services : endswith(service, ".amazonaws.com")])
    error_message = "services must be service principals, ending in .amazonaws.com."
  }
}

variable "user_account_ids" {
  type        = list(string)
  default     = []
  description = "Other accounts whose roles may use the key, as far as their own policies allow it."

  validation {
    condition     = alltrue([for id in var.user_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "user_account_ids must be account numbers of 12 digits."
  }
}
