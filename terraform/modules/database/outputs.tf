output "host" {
  value       = aws_rds_cluster.this.endpoint
  description = "Host name of the writer."
}

output "port" {
  value       = aws_rds_cluster.this.port
  description = "Port of the database."
}

output "identifier" {
  value       = aws_rds_cluster.this.cluster_identifier
  description = "Name of the cluster, as alarms have it."
}

output "secret_arns" {
  value = merge(
    { for client, secret in module.password : "${client}-database" => secret.arn },
    { superuser-database = aws_rds_cluster.this.master_user_secret[0].secret_arn },
  )
  description = "Secret of each role: `<client>-database` and `superuser-database`, whose JSON has `password`."
}

output "key_arn" {
  value       = module.key.arn
  description = "KMS key of the database and its passwords."
}
