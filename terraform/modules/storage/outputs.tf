output "bucket_names" {
  value       = merge({ for use, bucket in aws_s3_bucket.this : use => bucket.id }, { audit = module.audit_bucket.name })
  description = "Name of each bucket: data, artifacts, logs, audit."
}

output "bucket_arns" {
  value       = merge({ for use, bucket in aws_s3_bucket.this : use => bucket.arn }, { audit = module.audit_bucket.arn })
  description = "ARN of each bucket: data, artifacts, logs, audit."
}

output "key_arns" {
  value       = merge({ for use, key in module.key : use => key.arn }, { audit = module.audit_key.arn })
  description = "KMS key of each bucket that has one of its own: data, artifacts, audit."
}

output "log_bucket_ready" {
  value       = aws_s3_bucket_policy.this["logs"].bucket
  description = "The bucket of logs, once its policy lets the load balancer write there."
}
