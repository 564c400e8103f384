variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`; also the cluster's name."
}

variable "domain" {
  type        = string
  description = "Domain of the pages: each is at <page>.<domain>."

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a DNS name, as dev.lab.example.com."
  }
}

variable "zone_id" {
  type        = string
  description = "Public hosted zone of the domain, in which certificate and pages are entered."
}

variable "vpc_id" {
  type        = string
  description = "The VPC."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets, in two zones at least."

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must be two or more: a load balancer needs two zones."
  }
}

variable "security_group_ids" {
  type        = map(string)
  description = "Security group of each tier: load-balancer and service."
}

variable "tasks" {
  type = map(object({
    image       = string
    command     = list(string)
    cpu         = number
    memory      = number
    environment = optional(map(string), {})
    secrets     = optional(map(string), {})
    port        = optional(number)
    probed      = optional(bool, true)
    log_group   = string
    role_arn    = string
    exec_arn    = string
    service = optional(object({
      count  = number
      spot   = optional(bool, false)
      alone  = optional(bool, false)
      page   = optional(string)
      health = optional(string, "/")
    }))
  }))
  description = <<-TEXT
    Each service, and each one-off task (without `service`). `secrets`: variable → ARN, with `:key::` for a value in
    JSON. `probed`: whether Python in the container can try its port. `alone`: never two at once. `page`: its name
    behind the load balancer. `cpu` in units of 1/1024, `memory` in MiB.
  TEXT

  validation {
    condition = alltrue([for task in var.tasks : contains(lookup({
      "256"  = [512, 1024, 2048]
      "512"  = range(1024, 4097, 1024)
      "1024" = range(2048, 8193, 1024)
      "2048" = range(4096, 16385, 1024)
      "4096" = range(8192, 30721, 1024)
      "8192" = range(16384, 61441, 4096)
    }, tostring(task.cpu), []), task.memory)])
    error_message = "cpu and memory of a task must be a pair that Fargate offers: 256 with 512, 1024 or 2048; 512 with 1024 to 4096; 1024 with 2048 to 8192; 2048 with 4096 to 16384; 4096 with 8192 to 30720."
  }

  validation {
    condition     = alltrue([for task in var.tasks : !endswith(task.image, ":latest") && can(regex(":[^/]+$", task.image))])
    error_message = "image of a task must have a tag, and not latest: what runs must be one image for ever."
  }
}

variable "exec_allowed" {
  type        = bool
  default     = false
  description = "Whether a shell can be opened in a container."
}

variable "log_bucket" {
  type        = string
  description = "Bucket of the load balancer's access logs, once it may be written."
}

variable "protected" {
  type        = bool
  default     = true
  description = "Whether deleting the load balancer is refused."
}

variable "oidc" {
  type = object({
    issuer                 = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
  })
  description = "The provider that says who somebody is, before any page is reached."

  validation {
    condition = alltrue([for url in [
      var.oidc.issuer, var.oidc.authorization_endpoint, var.oidc.token_endpoint, var.oidc.user_info_endpoint,
    ] : startswith(url, "https://")])
    error_message = "oidc must give addresses that begin with https://."
  }
}

variable "oidc_client_secret" {
  type        = string
  sensitive   = true
  description = "Secret of `oidc.client_id`. It is in the state, as the load balancer's own settings are."
}
