variable "name" {
  type        = string
  description = "Prefix of every name, as `mlops-dev`."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets of training jobs."
}

variable "security_group_id" {
  type        = string
  description = "Security group of training jobs."
}

variable "image" {
  type        = string
  description = "Image of training jobs, with its tag."
}

variable "job_role_arn" {
  type        = string
  description = "Role of training jobs."
}

variable "exec_role_arn" {
  type        = string
  description = "What starts them uses this role."
}

variable "log_group" {
  type        = string
  description = "Log group of training jobs."
}

variable "environment" {
  type        = map(string)
  default     = {}
  description = "Variables of training jobs."
}

variable "limits" {
  type        = object({ fargate = number, ec2 = number })
  description = "vCPU at most in each compute environment: what a mistake can cost."

  validation {
    condition     = alltrue([for limit in values(var.limits) : limit >= 1 && limit <= 1024])
    error_message = "limits must be 1 to 1024 vCPU."
  }
}

variable "sizes" {
  type        = object({ fargate = object({ vcpu = number, memory = number }), ec2 = object({ vcpu = number, memory = number }) })
  default     = { fargate = { vcpu = 2, memory = 8192 }, ec2 = { vcpu = 16, memory = 61440 } }
  description = "What one job gets: vCPU and MiB. Fargate offers pairs only."

  validation {
    condition = contains(lookup({
      "0.25" = [512, 1024, 2048]
      "0.5"  = range(1024, 4097, 1024)
      "1"    = range(2048, 8193, 1024)
      "2"    = range(4096, 16385, 1024)
      "4"    = range(8192, 30721, 1024)
      "8"    = range(16384, 61441, 4096)
      "16"   = range(32768, 122881, 8192)
    }, tostring(var.sizes.fargate.vcpu), []), var.sizes.fargate.memory)
    error_message = "sizes.fargate must be a pair that Fargate offers: 1 vCPU with 2048 to 8192, 2 with 4096 to 16384, 4 with 8192 to 30720, 8 with 16384 to 61440."
  }
}

variable "instance_types" {
  type        = list(string)
  default     = ["c7i", "m7i", "r7i"]
  description = "Families or types of machines for large jobs: the more, the seldomer is one taken back."

  validation {
    condition     = length(var.instance_types) >= 2
    error_message = "instance_types must be two or more: with one, an interruption hits every job at once."
  }
}

variable "timeout_seconds" {
  type        = number
  default     = 7200
  description = "A job that takes longer is ended."

  validation {
    condition     = var.timeout_seconds >= 60 && var.timeout_seconds <= 86400
    error_message = "timeout_seconds must be 60 to 86400."
  }
}

variable "attempts" {
  type        = number
  default     = 3
  description = "Attempts in all, when machines are taken back."

  validation {
    condition     = var.attempts >= 1 && var.attempts <= 10
    error_message = "attempts must be 1 to 10."
  }
}
