# What runs, as stack/compose.yaml has it: the same images, commands, ports and variables. PostgreSQL, object store,
# Prometheus, Alertmanager and Grafana are AWS's own here. tests/terraform/test_catalogue.py compares both.
locals {
  bucket = module.storage.bucket_names
  image  = { for name, url in module.registry.repository_urls : name => "${url}:${var.image_tag}" }

  common = {
    LAB_NAME              = local.name
    PYTHONUNBUFFERED      = "1"
    MALLOC_ARENA_MAX      = "2"
    OMP_NUM_THREADS       = "1"
    OPENBLAS_NUM_THREADS  = "1"
    AWS_DEFAULT_REGION    = var.region
    MLFLOW_TRACKING_URI   = "http://mlflow.lab:5000"
    MLFLOW_URL            = "http://mlflow.lab:5000"
    DO_NOT_TRACK          = "true"
    MPLCONFIGDIR          = "/tmp/matplotlib"
    PGSSLMODE             = "require"
    ENVIRONMENT           = var.environment
    ALLOWED_STAGING_ROLES = join(",", sort(var.environment == "staging" ? var.runners : ["ml-engineer", "platform-admin"]))
    ALLOWED_PROD_ROLES    = join(",", sort(var.environment == "prod" ? var.runners : ["ml-engineer", "platform-admin"]))
    DATA_BUCKET           = local.bucket.data
    ARTIFACT_BUCKET       = local.bucket.artifacts
    AUDIT_BUCKET          = local.bucket.audit
    AUDIT_LOG_PREFIX      = var.audit_prefix
    AUDIT_RETENTION_DAYS  = tostring(var.audit_retention_days)
    # In the images: stack/governance.
    POLICY_PATH        = "/lab/policy/policy.yaml"
    LAB_GOVERNANCE_DIR = "/lab/policy"
  }
  # What stack/dagster/aws.yaml and the steps of a run read. tests/terraform/test_settings.py compares both.
  dagster = merge(local.common, {
    DAGSTER_HOME              = "/lab/dagster"
    DAGSTER_SCRATCH           = "/tmp/dagster"
    DAGSTER_DISABLE_TELEMETRY = "yes"
    DAGSTER_CODE_HOST         = "dagster-code.lab"
    DAGSTER_CODE_PORT         = "3001"
    POSTGRES_HOST             = module.database.host
    POSTGRES_PORT             = tostring(module.database.port)
  })
  # By name, and so the newest revision: their ARNs come of what is told here.
  launcher = {
    RUN_CLUSTER         = local.name
    RUN_TASK_DEFINITION = "${local.name}-run-${var.schedule_runner}"
    RUN_CONTAINER       = "run-${var.schedule_runner}"
    RUN_SUBNETS         = join(",", module.network.private_subnet_ids)
    RUN_SECURITY_GROUPS = module.network.security_group_ids["run"]
  }
  run = merge(local.dagster, {
    # Whose word a run's role is: AWS's, about the task's role. RUN_ROLE is ignored.
    RUN_ROLE_SOURCE         = "caller"
    DATA_PATH               = "s3://${local.bucket.data}/incoming/applications.csv"
    MLFLOW_URL              = "https://mlflow.${var.domain}" # links that a person follows
    DAGSTER_URL             = "https://dagster.${var.domain}"
    TRAINING_BACKEND        = var.training.backend
    TRAINING_QUEUE          = "${local.name}-${var.training.queue}"
    TRAINING_JOB_DEFINITION = "${local.name}-train-${var.training.queue}"
  })
  exporter         = merge(local.common, { LISTEN_ADDRESS = "0.0.0.0" })
  dagster_password = { PGPASSWORD = module.database.secret_arns["dagster-database"] }
  tracking_store   = "postgresql+psycopg2://mlflow@${module.database.host}:${module.database.port}/mlflow"

  services = {
    mlflow = {
      image   = "mlflow"
      command = ["python", "-m", "uvicorn", "mlflow.server.fastapi_app:app", "--host", "0.0.0.0", "--port", "5000", "--no-access-log"]
      cpu     = 1024
      memory  = 2048
      port    = 5000
      environment = merge(local.common, {
        _MLFLOW_SERVER_FILE_STORE           = local.tracking_store
        _MLFLOW_SERVER_REGISTRY_STORE       = local.tracking_store
        _MLFLOW_SERVER_ARTIFACT_ROOT        = "mlflow-artifacts:/"
        _MLFLOW_SERVER_ARTIFACT_DESTINATION = "s3://${local.bucket.artifacts}"
        _MLFLOW_SERVER_SERVE_ARTIFACTS      = "true"
        MLFLOW_SERVER_ALLOWED_HOSTS         = "mlflow.lab:5000,mlflow.${var.domain}"
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION  = "false"
        MLFLOW_DISABLE_TELEMETRY            = "true"
      })
      secrets = { PGPASSWORD = module.database.secret_arns["mlflow-database"] }
      grants  = ["read-artifacts", "write-artifacts", "delete-artifacts"]
      page    = "mlflow"
      health  = "/health"
    }
    dagster-code = {
      image       = "pipelines"
      command     = ["python", "-m", "lab.dagster_host.code_server", "--host", "0.0.0.0", "--port", "3001"]
      cpu         = 512
      memory      = 2048
      port        = 3001
      environment = local.dagster
      secrets     = local.dagster_password
      grants      = []
    }
    dagster = {
      image = "pipelines"
      command = [
        "python", "-m", "lab.dagster_host.web_server", "--host", "0.0.0.0", "--port", "3000", "--workspace", "/lab/dagster/workspace.yaml",
        "--allow-host", "dagster.${var.domain}", "--allow-host", "dagster.lab:3000",
      ]
      cpu         = 512
      memory      = 2048
      port        = 3000
      environment = merge(local.dagster, local.launcher)
      secrets     = local.dagster_password
      grants      = ["read-logs", "read-run-logs", "stop-runs"]
      page        = "dagster"
      health      = "/server_info"
    }
    dagster-daemon = {
      image       = "pipelines"
      command     = ["python", "-m", "lab.dagster_host.daemon", "run", "-w", "/lab/dagster/workspace.yaml"]
      cpu         = 512
      memory      = 2048
      environment = merge(local.dagster, local.launcher)
      secrets     = local.dagster_password
      grants      = ["launch-runs", "stop-runs", "read-logs"]
      alone       = true
    }
    drift-monitor = {
      image       = "exporters"
      command     = ["python", "-m", "exporters.drift_monitor"]
      cpu         = 256
      memory      = 512
      port        = 9100
      environment = merge(local.exporter, { LISTEN_PORT = "9100" })
      grants      = ["read-data"]
      alone       = true
    }
    dagster-metrics = {
      image       = "exporters"
      command     = ["python", "-m", "exporters.dagster_metrics"]
      cpu         = 256
      memory      = 512
      port        = 9200
      environment = merge(local.exporter, { LISTEN_PORT = "9200", DAGSTER_URL = "http://dagster.lab:3000" })
      grants      = []
      alone       = true
    }
    governance-metrics = {
      image       = "exporters"
      command     = ["python", "-m", "exporters.governance_metrics"]
      cpu         = 256
      memory      = 512
      port        = 9300
      environment = merge(local.exporter, { LISTEN_PORT = "9300" })
      grants      = ["read-audit"]
      alone       = true
    }
    # Scrapes what Prometheus scrapes elsewhere, and hands it to Managed Prometheus; the queue's length also to CloudWatch.
    collector = {
      image       = "collector"
      command     = ["--config=env:COLLECTOR_CONFIG"]
      cpu         = 256
      memory      = 512
      environment = { COLLECTOR_CONFIG = local.collector }
      grants      = ["write-metrics"]
      alone       = true
    }
  }

  # Not services: a run of the pipeline under each role that may run, and what makes databases and their roles once.
  # Dagster gives a run its command; a person who starts the task without one has the pipeline run. Only scheduled runs
  # have an owner already.
  once = merge(
    { for role in var.runners : "run-${role}" => {
      image       = "pipelines"
      command     = ["dagster", "job", "execute", "-m", "pipelines.definitions", "-j", "ml_training_pipeline"]
      cpu         = 1024
      memory      = 4096
      environment = merge(local.run, role == var.schedule_runner ? { RUN_OWNER = "scheduler@${var.domain}" } : {})
      secrets     = local.dagster_password
    } },
    {
      provision = {
        image   = "exporters"
        command = ["python", "-m", "lab.services.provision_command"]
        cpu     = 256
        memory  = 512
        environment = merge(local.common, {
          OBJECT_STORE  = "aws" # its buckets are found here, not made
          POSTGRES_HOST = module.database.host
          POSTGRES_PORT = tostring(module.database.port)
        })
        secrets = {
          POSTGRES_PASSWORD   = "${module.database.secret_arns["superuser-database"]}:password::"
          DAGSTER_DB_PASSWORD = module.database.secret_arns["dagster-database"]
          MLFLOW_DB_PASSWORD  = module.database.secret_arns["mlflow-database"]
        }
        grants = ["check-buckets"]
      }
    },
  )

  queue_metric = { namespace = "MlopsLab/${local.name}", name = "dagster_recent_runs_queued" }
  scraped      = { mlflow = 5000, drift-monitor = 9100, dagster-metrics = 9200, governance-metrics = 9300 }
  collector = yamlencode({
    extensions = { sigv4auth = { region = var.region, service = "aps" } }
    receivers = {
      prometheus = {
        config = {
          global         = { scrape_interval = "15s" }
          scrape_configs = [for name, port in local.scraped : { job_name = name, static_configs = [{ targets = ["${name}.lab:${port}"] }] }]
        }
      }
    }
    processors = {
      "filter/queue" = { metrics = { metric = ["name != \"dagster_recent_runs\""], datapoint = ["attributes[\"status\"] != \"QUEUED\""] } }
      "metricstransform/queue" = {
        transforms = [{ include = "dagster_recent_runs", action = "update", new_name = local.queue_metric.name }]
      }
    }
    exporters = {
      prometheusremotewrite = { endpoint = "${module.observability.metrics_endpoint}api/v1/remote_write", auth = { authenticator = "sigv4auth" } }
      awsemf                = { namespace = local.queue_metric.namespace, region = var.region, dimension_rollup_option = "NoDimensionRollup" }
    }
    service = {
      extensions = ["sigv4auth"]
      pipelines = {
        metrics         = { receivers = ["prometheus"], exporters = ["prometheusremotewrite"] }
        "metrics/queue" = { receivers = ["prometheus"], processors = ["filter/queue", "metricstransform/queue"], exporters = ["awsemf"] }
      }
    }
  })
}
