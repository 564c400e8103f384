# Ephemeral and write-only: the value is in Secrets Manager and nowhere else, neither in a plan nor in the state.
resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:a new value is a new `generation`, and the service that reads it is deployed anew; the database's superuser, which no service uses, is rotated by RDS itself
  name                    = var.name
  description             = var.purpose
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id                = aws_secretsmanager_secret.this.id
  secret_string_wo         = var.value
  secret_string_wo_version = var.generation
}
