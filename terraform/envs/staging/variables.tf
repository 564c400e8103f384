variable "image_tag" {
  type        = string
  description = "Tag of every image: that of the release or commit to deploy."
}

variable "oidc_client_secret" {
  type        = string
  sensitive   = true
  description = "Secret of the OIDC client; give it as TF_VAR_oidc_client_secret."
}

variable "look_only" {
  type        = bool
  default     = false
  description = "Whether the roles in the other accounts are those that only look; `invoke deploy` says so of a workflow that only plans."
}
