variable "image_tag" {
  type        = string
  description = "Tag of every image: that of the release or commit to deploy."
}

variable "oidc_client_secret" {
  type        = string
  sensitive   = true
  description = "Secret of the OIDC client; give it as TF_VAR_oidc_client_secret."
}
