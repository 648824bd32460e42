# All images, from bases that are pinned by digest:
#
#   docker buildx bake                         # the images for CPUs, into the local engine
#   docker buildx bake cuda                    # those for NVIDIA GPUs
#   docker buildx bake pytorch                 # the gradient worker of engines/pytorch, for CPUs and for NVIDIA GPUs
#   make image-bases                           # looks up the newest digests of the bases, and writes them here
#
# A release builds for both architectures and pushes, with a bill of materials and provenance (.github/workflows/release.yaml):
#
#   REGISTRY=registry.example.org/team TAG=0.1.0 PLATFORMS=linux/amd64,linux/arm64 \
#     docker buildx bake --push --sbom=true --provenance=mode=max

variable "NODE_IMAGE" { default = "node:20-bookworm-slim@sha256:2cf067cfed83d5ea958367df9f966191a942351a2df77d6f0193e162b5febfc0" }
variable "CUDA_IMAGE" { default = "nvidia/cuda:12.6.3-cudnn-runtime-ubuntu22.04@sha256:5f0d2d827f6436b3cb7468fd8acbdc8c1d41261614e579ae49afe6141da51133" }

variable "PYTHON_IMAGE" { default = "python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b" }

# The first part of the images' names, such as registry.example.org/team. Empty: names without a registry.
variable "REGISTRY" { default = "" }
variable "TAG" { default = "0.1.0" }
# Separated by commas. Empty: the platform of the machine that builds.
variable "PLATFORMS" { default = "" }
# What the labels say of the sources.
variable "SOURCE" { default = "" }
variable "REVISION" { default = "" }
variable "CREATED" { default = "" }

function "name" {
  params = [target]
  result = "${REGISTRY == "" ? "" : "${REGISTRY}/"}gapo-${target}:${TAG}"
}

group "default" { targets = ["service", "example"] }
group "cuda" { targets = ["cuda"] }
group "pytorch" { targets = ["pytorch", "pytorch-cuda"] }

target "base" {
  dockerfile = "deploy/docker/Dockerfile"
  args = {
    NODE_IMAGE   = NODE_IMAGE
    CUDA_IMAGE   = CUDA_IMAGE
    PYTHON_IMAGE = PYTHON_IMAGE
  }
  labels = {
    "org.opencontainers.image.version"  = TAG
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.created"  = CREATED
    "org.opencontainers.image.source"   = SOURCE
  }
}

target "service" {
  inherits  = ["base"]
  name      = service
  matrix    = { service = ["coordinator", "rollout", "gradient", "reward", "gateway", "cli"] }
  target    = service
  tags      = [name(service)]
  platforms = PLATFORMS == "" ? [] : split(",", PLATFORMS)
}

target "example" {
  inherits  = ["base"]
  target    = "example"
  tags      = [name("example")]
  platforms = PLATFORMS == "" ? [] : split(",", PLATFORMS)
}

# The CUDA provider exists for amd64 alone.
target "cuda" {
  inherits  = ["base"]
  name      = "${service}-cuda"
  matrix    = { service = ["rollout", "gradient", "reward"] }
  target    = "${service}-cuda"
  tags      = [name("${service}-cuda")]
  platforms = ["linux/amd64"]
}

target "pytorch" {
  inherits  = ["base"]
  target    = "gradient-pytorch"
  tags      = [name("gradient-pytorch")]
  platforms = PLATFORMS == "" ? [] : split(",", PLATFORMS)
}

target "pytorch-cuda" {
  inherits  = ["base"]
  target    = "gradient-pytorch-cuda"
  tags      = [name("gradient-pytorch-cuda")]
  platforms = ["linux/amd64"]
}
