output "limits" {
  value       = { for name, target in aws_appautoscaling_target.this : name => { min = target.min_capacity, max = target.max_capacity } }
  description = "Tasks at least and at most of each service whose number changes by itself."
}
