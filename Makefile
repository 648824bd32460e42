# Development tasks. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help

GAPO := node services/cli/dist/main.js
TSC := node node_modules/typescript7/bin/tsc
RUN ?= run

.PHONY: help run test test-tools test-oracle test-vllm test-gpu test-pytorch test-page test-telemetry test-trackers test-walk test-image test-compose test-cluster test-operator scaling image-bases chaos soak load overhead build dev lint docs pack sbom audit models study bench bench-peers fuzz clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'

run: build ## install, build, start the services, train the example, show the result  [RUN=four|helpful-only|harmless-only, JSON=1, FRESH=1]
	@deploy/local/prepare.sh nats-server
	@$(GAPO) run examples/assistant/$(RUN).yaml --port-base 0 $(if $(JSON),--json) $(if $(FRESH),--fresh)

test: build ## every test but the slow suites, which have targets of their own
	@deploy/local/prepare.sh nats-server chromium
	@node test/run.mjs

test-tools: ## download helm, kubeconform, grpcurl, versitygw and Pythons with gRPC and transformers into a cache, for tests that are otherwise skipped
	@node deploy/local/testTools.mjs

test-oracle: build ## recompute the right values of other tests with PyTorch, transformers and PEFT (some 6 GB), and compare
	@node deploy/local/testTools.mjs --oracle
	@node test/run.mjs --under test/dist/oracle

build: node_modules/.installed ## install and compile
	@$(TSC) -b

dev: node_modules/.installed ## compile, and recompile on change
	@npm run --silent dev

lint: node_modules/.installed ## eslint, prettier, buf, typedoc: run it before each commit
	@npm run --silent lint

test-vllm: build ## sample, train and score with vLLM servers, which it starts as docs/engines.md says, one suite after the other  [VLLM=vllm, VLLM_URL=http://127.0.0.1:8000, RECORD=1]
	@deploy/local/prepare.sh nats-server
	@VLLM=$$(command -v $(or $(VLLM),vllm)) VLLM_URL=$(VLLM_URL) RECORD=$(RECORD) SILENCE_MINUTES=30 node test/run.mjs --serial $(foreach spec,vllm trace train vllmWeights vllmRefusals vllmRewards,--under test/dist/engines/$(spec).spec.js)

test-gpu: ## measure what objectives cost on this machine's GPU: docs/gpu.md  [GPU_PYTHON=python3, GPU_ARGS='--json gpu.json']
	@$(or $(GPU_PYTHON),python3) test/device/objectives.py $(GPU_ARGS)

test-pytorch: build ## check the gradient worker in PyTorch against the native one, and train with it (installs some 6 GB)  [PYTORCH_PYTHON=]
	@deploy/local/prepare.sh nats-server
	@$(if $(PYTORCH_PYTHON),,node deploy/local/testTools.mjs --pytorch)
	@node deploy/local/pytorchChecks.mjs
	@node test/run.mjs --under test/dist/engines/pytorch

test-trackers: build ## record runs by a real MLflow server and read them back, and event files with TensorBoard's own reader  [RECORD=1]
	@deploy/local/prepare.sh nats-server
	@node deploy/local/testTools.mjs --trackers
	@RECORD=$(RECORD) node test/run.mjs --under test/dist/trackers

test-page: build ## look at every view of the page in a browser, steer a live run by it, write its screenshots to docs/images/page
	@deploy/local/prepare.sh nats-server chromium
	@node test/run.mjs --under test/dist/page

test-telemetry: build ## send a live run through a collector, scrape it with Prometheus, evaluate the dashboards and alerts on it
	@deploy/local/prepare.sh nats-server prometheus
	@node deploy/local/testTools.mjs --telemetry
	@node test/run.mjs --under test/dist/telemetry

test-walk: build ## run the commands of docs/models.md on a model of every family, those of docs/rewards.md and examples/hh, and the npm packages
	@deploy/local/prepare.sh nats-server
	@EVERY_FAMILY=1 node test/run.mjs $(foreach spec,modelWalkthrough rewardWalkthrough preferenceData packages,--under test/dist/e2e/$(spec).spec.js)

test-image: build ## build the images with a container engine, and start each service with few rights  [NODE_IMAGE=, BUILD_FLAGS=, PYTORCH_IMAGE=]
	@node test/run.mjs --under test/dist/image

test-compose: build ## start the compose file as documented, train, and start it again
	@node test/run.mjs --under test/dist/compose

test-cluster: build ## install the chart in the cluster of KUBECONFIG, train, compare, upgrade, uninstall  [STEPS=20, FAULTS=all, SCALES=3, TLS=secrets|certManager|insecure, REGISTRY=, TAG=, VALUES=, KEEP=1, ADMISSION=1, NODE_STOP=, NODE_START=, API_STOP=, API_START=]
	@deploy/local/prepare.sh nats-server
	@STEPS=$(STEPS) FAULTS=$(FAULTS) SCALES=$(SCALES) TLS=$(TLS) REGISTRY=$(REGISTRY) TAG=$(TAG) VALUES=$(VALUES) KEEP=$(KEEP) ADMISSION=$(ADMISSION) node test/dist/cluster/main.js

test-operator: build ## apply, patch, suspend and delete TrainingRuns and RewardServices on the API server of KUBECONFIG, which has no controllers and no nodes
	@deploy/local/prepare.sh nats-server
	@node test/run.mjs --under test/dist/operator

scaling: build ## train the example in the cluster of KUBECONFIG with one, two and three workers, and compare its steps  [STEPS=20, REGISTRY=, TAG=, JSON=1]
	@STEPS=$(STEPS) REGISTRY=$(REGISTRY) TAG=$(TAG) JSON=$(JSON) node test/dist/cluster/scaling.js

image-bases: ## look up the digests of the images' bases, and pin them in docker-bake.hcl
	@node deploy/docker/pinBases.mjs

chaos: build ## kill, stop, cut and fill during a run of 40 steps, and compare it with an undisturbed one  [SEED=1, KILLS=100, GRADIENT=1, ROLLOUT=1, JSON=1]
	@deploy/local/prepare.sh nats-server
	@SEED=$(SEED) KILLS=$(KILLS) GRADIENT=$(GRADIENT) ROLLOUT=$(ROLLOUT) JSON=$(JSON) node test/dist/chaos/main.js

soak: build ## train a tiny policy for 10,000 steps, and measure memory, descriptors and data of every process  [STEPS=10000, JSON=1]
	@deploy/local/prepare.sh nats-server
	@STEPS=$(STEPS) JSON=$(JSON) node test/dist/soak/main.js

load: build ## watch a run 1,000 times over and create and cancel others while it trains, and compare its steps  [WATCHERS=1000, PAIRS=100, SECONDS=60, WORLD=example|small, JSON=1]
	@deploy/local/prepare.sh nats-server
	@WATCHERS=$(WATCHERS) PAIRS=$(PAIRS) SECONDS=$(SECONDS) WORLD=$(WORLD) JSON=$(JSON) node test/dist/load/main.js

overhead: build ## train the example with traces, metrics and logs on and off in turn, or the TensorBoard tracker, and compare the steps  [ROUND=telemetry|trackers, SECONDS=300, BLOCK_SECONDS=10, JSON=1]
	@deploy/local/prepare.sh nats-server
	@ROUND=$(ROUND) SECONDS=$(SECONDS) BLOCK_SECONDS=$(BLOCK_SECONDS) JSON=$(JSON) node test/dist/overhead/main.js

docs: build ## write the API documentation of the public packages to docs/api/
	@node_modules/.bin/typedoc --options docs/typedoc/typedoc.json

pack: build ## write npm packages of the CLI and of @gapo/reward to packages/
	@node deploy/npm/pack.mjs packages @gapo/cli @gapo/reward

sbom: node_modules/.installed ## write the bill of materials (CycloneDX) and the licences of all dependencies to packages/
	@node deploy/supply/inventory.mjs packages

audit: node_modules/.installed ## ask the npm registry for known vulnerabilities, and check the signatures of what is installed
	@npm audit
	@npm audit signatures

models: build ## retrain the example's models from the generator and a seed (under an hour on two cores)
	@node examples/assistant/dist/training/main.js

study: build ## compare the paper's methods and others on the example and write docs/study.md and docs/study-rewards.md  [QUICK=1]
	@deploy/local/prepare.sh nats-server
	@node examples/assistant/dist/study/main.js $(if $(QUICK),--quick)

bench: build ## run the benchmarks  [npm run bench -- --help]
	@npm run --silent bench --

bench-peers: build ## compare with PyTorch, TRL, TorchJD, transformers, llama.cpp and vLLM, and write docs/peers.md (installs some 7 GB)  [PEERS_PYTHON=, VLLM_PYTHON=, PEERS_ARGS='--only step']
	@deploy/local/prepare.sh nats-server
	@$(if $(PEERS_PYTHON),,node deploy/local/testTools.mjs --peers)
	@PEERS_PYTHON=$(PEERS_PYTHON) VLLM_PYTHON=$(VLLM_PYTHON) node test/dist/bench/peers/main.js $(PEERS_ARGS)

fuzz: build ## read damaged inputs with every parser  [RUNS=1000000, SEED=1, TARGET='run files,weights']
	@$(if $(RUNS),RUNS=$(RUNS)) $(if $(SEED),SEED=$(SEED)) $(if $(TARGET),TARGET='$(TARGET)') node test/dist/fuzz/main.js

clean: ## remove build outputs and node_modules
	@$(TSC) -b --clean; rm -rf node_modules

node_modules/.installed: package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
