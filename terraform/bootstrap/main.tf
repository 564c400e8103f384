# What must be there before an environment can be made, once per account, by an administrator and with a local state.
provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "mlops-lab", ManagedBy = "terraform/bootstrap" }
  }
}

module "key" {
  source  = "../modules/key"
  name    = "${var.state_bucket}-state"
  purpose = "Terraform's state"
}

# Old states are the way back, so they stay; the lock is a file beside the state.
resource "aws_s3_bucket" "state" {
  #checkov:skip=CKV_AWS_144:one region: a state is of no use without the region that it describes
  #checkov:skip=CKV_AWS_18:CloudTrail of the account has who read it; a bucket for access logs comes with an environment
  #checkov:skip=CKV2_AWS_62:nothing waits for events of this bucket
  #checkov:skip=CKV_AWS_145:encrypted by aws_s3_bucket_server_side_encryption_configuration.state with a key of its own
  bucket = var.state_bucket

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = module.key.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "tidy"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 365
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

data "aws_iam_policy_document" "state" {
  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "state" {
  bucket     = aws_s3_bucket.state.id
  policy     = data.aws_iam_policy_document.state.json
  depends_on = [aws_s3_bucket_public_access_block.state]
}

# Made here because a certificate can only be had once the domain above points to these name servers.
resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_38:signing the zone needs its parent's owner, who may not sign theirs
  #checkov:skip=CKV2_AWS_39:names of internal pages: who asks for them tells nothing
  for_each = var.domains
  name     = each.key
  comment  = "Pages of mlops-lab"
}

# One per account, whichever environments are in it. AWS checks GitHub's certificate by itself.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}
