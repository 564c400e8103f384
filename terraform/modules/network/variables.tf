variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`."
}

variable "region" {
  type        = string
  description = "Region, as the endpoints' service names have it."
}

variable "cidr" {
  type        = string
  description = "Addresses of the VPC: a private /16, which no peer of it uses."

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr must be an IPv4 network with a prefix of 16 bits, as 10.40.0.0/16."
  }
}

variable "zone_count" {
  type        = number
  default     = 2
  description = "Availability zones to spread over. Load balancer and database need two."

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count must be 2 or 3."
  }
}

variable "nat_per_zone" {
  type        = bool
  default     = false
  description = "A NAT gateway in each zone, so that the loss of one zone leaves the others a way out; otherwise one in all."
}

variable "interface_endpoints" {
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
  description = "AWS services that are reached without leaving the VPC. Each costs by the hour and zone."
}

variable "client_cidrs" {
  type        = list(string)
  description = "Networks whose browsers may reach the load balancer: an office, a VPN; never the whole internet."

  validation {
    condition     = length(var.client_cidrs) > 0 && alltrue([for cidr in var.client_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "client_cidrs must be IPv4 networks, at least one and none that ends in /0."
  }
}

variable "page_ports" {
  type        = map(number)
  description = "Port of each service with pages behind the load balancer, by its name."
}

variable "service_ports" {
  type        = map(number)
  description = "Port of each service that other services reach, by its name."
}

variable "run_ports" {
  type        = map(number)
  description = "Port of each service that runs and training jobs reach, by its name."
}

variable "log_key_arn" {
  type        = string
  description = "KMS key of the flow log."
}

variable "log_retention_days" {
  type        = number
  default     = 365
  description = "Days for which the flow log is kept."
}
