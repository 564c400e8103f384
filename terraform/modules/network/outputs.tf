output "vpc_id" {
  value       = aws_vpc.this.id
  description = "The VPC."
}

output "private_subnet_ids" {
  value       = aws_subnet.private[*].id
  description = "Subnets of everything that runs, one per zone."
}

output "database_subnet_ids" {
  value       = aws_subnet.database[*].id
  description = "Subnets of the database, one per zone, without a route out."
}

output "security_group_ids" {
  value       = { for tier, group in aws_security_group.this : tier => group.id }
  description = "Security group of each tier: load-balancer, service, run, database, endpoint."
}
