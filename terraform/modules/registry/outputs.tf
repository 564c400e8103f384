output "repository_urls" {
  value       = { for image, repository in aws_ecr_repository.this : image => repository.repository_url }
  description = "Where to push each image, without its tag."
}

output "repository_arns" {
  value       = { for image, repository in aws_ecr_repository.this : image => repository.arn }
  description = "ARN of each image's repository."
}

output "key_arn" {
  value       = module.key.arn
  description = "KMS key of the images."
}
