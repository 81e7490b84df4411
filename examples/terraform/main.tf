# A bucket, to have something that a plan can add, change and destroy.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
  # State is read with the same credentials as everything else: what `jit run` hands over.
  backend "s3" {
    bucket       = "example-terraform-state"
    key          = "jit-example/terraform.tfstate"
    region       = "eu-west-1"
    use_lockfile = true
  }
}

# No keys, no profile, no assume_role: the provider asks the endpoint that `jit run` opens.
provider "aws" {
  region = "eu-west-1"
}

resource "aws_s3_bucket" "releases" {
  bucket_prefix = "jit-example-releases-"

  tags = {
    ManagedBy = "terraform"
  }
}
