output "trail_bucket" {
  value       = module.trail_bucket.name
  description = "Bucket of CloudTrail's files, for `aws cloudtrail validate-logs`."
}

output "trail_arn" {
  value       = aws_cloudtrail.this.arn
  description = "The trail."
}

output "heads_log_group" {
  value       = aws_cloudwatch_log_group.heads.name
  description = "Log group with a line per new entry, in the account of the witness."
}

output "heads_bus_arn" {
  value       = aws_cloudwatch_event_bus.heads.arn
  description = "Bus of new entries, in the witness' account."
}

output "look_role_arns" {
  value       = [aws_iam_role.look_audit.arn, aws_iam_role.look_witness.arn]
  description = "Roles in the other two accounts that only look."
}
