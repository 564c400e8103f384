# What a role can be given, by name. A role gets exactly those that are listed for it, and nothing else.
data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name
  arn = {
    logs       = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/${var.name}/*"
    cluster    = "arn:${local.partition}:ecs:${local.region}:${local.account}:cluster/${var.name}"
    service    = "arn:${local.partition}:ecs:${local.region}:${local.account}:service/${var.name}/*"
    task       = "arn:${local.partition}:ecs:${local.region}:${local.account}:task/${var.name}/*"
    definition = "arn:${local.partition}:ecs:${local.region}:${local.account}:task-definition/${var.name}-"
    queue      = "arn:${local.partition}:batch:${local.region}:${local.account}:job-queue/${var.name}-*"
    job        = "arn:${local.partition}:batch:${local.region}:${local.account}:job-definition/${var.name}-train-*"
    role       = "arn:${local.partition}:iam::${local.account}:role/${var.name}-"
    policy     = "arn:${local.partition}:iam::${local.account}:policy/${var.name}-"
  }
  entries = "${var.bucket_arns.audit}/${var.audit_prefix}*"

  grants = merge(
    {
      read-data = [
        { actions = ["s3:ListBucket"], resources = [var.bucket_arns.data], conditions = [] },
        { actions = ["s3:GetObject", "s3:GetObjectVersion"], resources = ["${var.bucket_arns.data}/*"], conditions = [] },
        { actions = ["kms:Decrypt"], resources = [var.key_arns.data], conditions = [] },
      ]
      add-data = [
        { actions = ["s3:PutObject"], resources = ["${var.bucket_arns.data}/*"], conditions = [] },
        { actions = ["kms:GenerateDataKey"], resources = [var.key_arns.data], conditions = [] },
      ]
      read-artifacts = [
        { actions = ["s3:ListBucket"], resources = [var.bucket_arns.artifacts], conditions = [] },
        { actions = ["s3:GetObject"], resources = ["${var.bucket_arns.artifacts}/*"], conditions = [] },
        { actions = ["kms:Decrypt"], resources = [var.key_arns.artifacts], conditions = [] },
      ]
      write-artifacts = [
        { actions = ["s3:PutObject", "s3:AbortMultipartUpload"], resources = ["${var.bucket_arns.artifacts}/*"], conditions = [] },
        { actions = ["kms:GenerateDataKey", "kms:Decrypt"], resources = [var.key_arns.artifacts], conditions = [] },
      ]
      delete-artifacts = [
        { actions = ["s3:DeleteObject"], resources = ["${var.bucket_arns.artifacts}/*"], conditions = [] },
      ]
      read-audit = [
        {
          actions    = ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"]
          resources  = [var.bucket_arns.audit]
          conditions = []
        },
        { actions = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention"], resources = [local.entries], conditions = [] },
        { actions = ["kms:Decrypt"], resources = [var.key_arns.audit], conditions = [] },
      ]
      # Whether the buckets are there, and how long the audit trail's is locked.
      check-buckets = [
        {
          actions    = ["s3:ListBucket", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"]
          resources  = [var.bucket_arns.data, var.bucket_arns.artifacts, var.bucket_arns.audit]
          conditions = []
        },
      ]
      # The header of a conditional create is asked for here as well as by the bucket, which another account may hold.
      append-audit = [
        {
          actions    = ["s3:PutObject"]
          resources  = [local.entries]
          conditions = [{ test = "Null", variable = "s3:if-none-match", values = ["false"] }]
        },
        { actions = ["kms:GenerateDataKey"], resources = [var.key_arns.audit], conditions = [] },
      ]
      # Dagster's EcsRunLauncher, in the daemon: as the one role of scheduled runs.
      launch-runs = [
        {
          actions    = ["ecs:RunTask"]
          resources  = ["${local.arn.definition}run-${var.schedule_runner}:*"]
          conditions = [{ test = "ArnEquals", variable = "ecs:cluster", values = [local.arn.cluster] }]
        },
        {
          actions    = ["ecs:TagResource"]
          resources  = [local.arn.task]
          conditions = [{ test = "StringEquals", variable = "ecs:CreateAction", values = ["RunTask"] }]
        },
        # It can't be narrowed to a resource.
        { actions = ["ecs:ListAccountSettings"], resources = ["*"], conditions = [] },
        {
          actions    = ["iam:PassRole"]
          resources  = ["${local.arn.role}run-${var.schedule_runner}", "${local.arn.role}exec-run"]
          conditions = [{ test = "StringEquals", variable = "iam:PassedToService", values = ["ecs-tasks.amazonaws.com"] }]
        },
      ]
      # A run is cancelled by whoever is asked to: the webserver.
      stop-runs = [
        { actions = ["ecs:DescribeTasks", "ecs:StopTask"], resources = [local.arn.task], conditions = [] },
        # It can't be narrowed to a resource.
        { actions = ["ecs:DescribeTaskDefinition"], resources = ["*"], conditions = [] },
      ]
      # What the steps of runs printed: stack/dagster/aws.yaml has it here.
      read-run-logs = [
        { actions = ["s3:GetObject"], resources = ["${var.bucket_arns.artifacts}/dagster/logs/*"], conditions = [] },
        { actions = ["kms:Decrypt"], resources = [var.key_arns.artifacts], conditions = [] },
      ]
      submit-training = [
        { actions = ["batch:SubmitJob"], resources = [local.arn.queue, local.arn.job], conditions = [] },
        {
          actions    = ["batch:TagResource"]
          resources  = ["arn:${local.partition}:batch:${local.region}:${local.account}:job/*"]
          conditions = [{ test = "StringEquals", variable = "aws:RequestTag/Lab", values = [var.name] }]
        },
        # Jobs are named at random: no ARN could be given for one's own.
        { actions = ["batch:DescribeJobs"], resources = ["*"], conditions = [] },
        {
          actions    = ["batch:TerminateJob"]
          resources  = ["arn:${local.partition}:batch:${local.region}:${local.account}:job/*"]
          conditions = [{ test = "StringEquals", variable = "aws:ResourceTag/Lab", values = [var.name] }]
        },
      ]
      # What a training job and the run that waits for it tell each other.
      report-training = [
        {
          actions    = ["s3:ListBucket"]
          resources  = [var.bucket_arns.artifacts]
          conditions = [{ test = "StringLike", variable = "s3:prefix", values = ["dagster/training/*"] }]
        },
        { actions = ["s3:PutObject"], resources = ["${var.bucket_arns.artifacts}/dagster/training/*"], conditions = [] },
        { actions = ["kms:GenerateDataKey"], resources = [var.key_arns.artifacts], conditions = [] },
      ]
      read-logs = [
        { actions = ["logs:GetLogEvents", "logs:FilterLogEvents", "logs:DescribeLogStreams"], resources = [local.arn.logs], conditions = [] },
      ]
      write-metrics = [
        { actions = ["aps:RemoteWrite"], resources = [var.metrics_workspace_arn], conditions = [] },
        # It knows no resources; the namespace is what can be narrowed.
        {
          actions    = ["cloudwatch:PutMetricData"]
          resources  = ["*"]
          conditions = [{ test = "StringEquals", variable = "cloudwatch:namespace", values = ["MlopsLab/${var.name}"] }]
        },
      ]
      # The channel of `aws ecs execute-command`, which knows no resources.
      shell = [
        {
          actions = [
            "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
          ]
          resources  = ["*"]
          conditions = []
        },
      ]
      look = [
        {
          actions = [
            "batch:DescribeJobQueues", "batch:DescribeJobs", "batch:ListJobs", "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData", "ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:DescribeTasks",
            "ecs:ListServices", "ecs:ListTasks",
          ]
          resources  = ["*"]
          conditions = []
        },
      ]
      operate = [
        { actions = ["ecs:UpdateService"], resources = [local.arn.service], conditions = [] },
        { actions = ["ecs:StopTask"], resources = [local.arn.task], conditions = [] },
      ]
      open-shell = [
        { actions = ["ecs:ExecuteCommand"], resources = [local.arn.cluster, local.arn.task], conditions = [] },
      ]
    },
    # A person starts runs under the own role's name, and can't hand a run another one.
    { for role in var.runners : "run-as-${role}" => [
      {
        actions    = ["ecs:RunTask"]
        resources  = ["${local.arn.definition}run-${role}:*"]
        conditions = [{ test = "ArnEquals", variable = "ecs:cluster", values = [local.arn.cluster] }]
      },
      { actions = ["ecs:StopTask"], resources = [local.arn.task], conditions = [] },
      {
        actions    = ["iam:PassRole"]
        resources  = ["${local.arn.role}run-${role}", "${local.arn.role}exec-run"]
        conditions = [{ test = "StringEquals", variable = "iam:PassedToService", values = ["ecs-tasks.amazonaws.com"] }]
      },
    ] },
  )
}
