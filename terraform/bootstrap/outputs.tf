output "state_bucket" {
  value       = aws_s3_bucket.state.id
  description = "Bucket of Terraform's state: `bucket` in an environment's backend.hcl, and `state_bucket` in its values."
}

output "name_servers" {
  value       = { for domain, zone in aws_route53_zone.this : domain => zone.name_servers }
  description = "Name servers to enter at each domain's parent."
}
