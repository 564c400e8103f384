output "queue_arns" {
  value       = { for kind, queue in aws_batch_job_queue.this : kind => queue.arn }
  description = "Queue of jobs on Fargate, and of large ones on EC2."
}

output "job_definition_arns" {
  value       = { for kind, definition in aws_batch_job_definition.this : kind => definition.arn }
  description = "Job definition for each queue, with its revision."
}
