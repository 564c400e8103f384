variable "region" {
  type        = string
  description = "AWS region of the state, as `eu-west-1`."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, as eu-west-1."
  }
}

variable "state_bucket" {
  type        = string
  description = "Name of the bucket to make for Terraform's state; bucket names are unique in all of AWS."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket must be 3 to 63 of a-z, 0-9 and -."
  }
}

variable "domains" {
  type        = set(string)
  description = "Domains of this account's environments, as `dev.lab.example.com`: a hosted zone each."
}
