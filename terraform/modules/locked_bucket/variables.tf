variable "name" {
  type        = string
  description = "Name of the bucket."
}

variable "key_arn" {
  type        = string
  description = "KMS key that encrypts what is in it."
}

variable "retention_days" {
  type        = number
  description = "Days for which nobody, the account's root user included, can delete or change what is in it."
}
