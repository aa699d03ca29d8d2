# Two commands do all on a machine with Go, a C compiler, Node with npm and
# Python with pip:
#
#	make demo    set up, run a real notebook twice, compare the runs
#	make test    set up, run all tests
#
# Others: build, setup, lab (JupyterLab), ui (the pages), bench, clean.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# GoMLX needs a newer Go than most machines have: the go command fetches it
# through the module proxy.
export GOTOOLCHAIN := auto

ECHARTS := experiments/charts/assets/echarts.min.js
VENV    := .venv
NPM     := node_modules/.package-lock.json

.PHONY: build setup demo lab ui test bench clean

build: $(ECHARTS)
	go build -o bin/assay .

$(NPM): package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(ECHARTS): $(NPM)
	cp node_modules/echarts/dist/echarts.min.js $@

setup: build
	bin/assay setup

# The demo has a store of its own, so that it leaves nothing in the user's.
demo: export ASSAY_STORE := $(CURDIR)/demo/assay.db
demo: setup
	mkdir -p demo
	bin/assay exec notebooks/imaging.ipynb -p learningRate=1e-3 -o demo/imaging-1e-3.ipynb
	bin/assay exec notebooks/imaging.ipynb -p learningRate=5e-4 -o demo/imaging-5e-4.ipynb
	bin/assay runs ls
	bin/assay compare $$(bin/assay runs ls --sort -started --limit 2 --ids) -o demo/compare.html
	@echo
	@echo "The two runs side by side, in one file that needs no network:  demo/compare.html"
	@echo "Their pages, live:                                             bin/assay ui --store demo/assay.db --open"
	@echo "The notebook in JupyterLab:                                    make lab"

# A private Python for JupyterLab and for the tests that check us against
# Jupyter's own programs. assay itself needs no Python.
$(VENV)/lab:
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check jupyterlab==4.6.6
	@touch $@

$(VENV)/test: requirements-test.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $@

lab: setup $(VENV)/lab
	bin/assay ui & trap 'kill $$!' EXIT; $(VENV)/bin/jupyter lab --notebook-dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

ui: build
	bin/assay ui --open

# Tests find the real data sets beside the checkout, and skip what needs one
# that is not there. The browser that drives the pages is the machine's, or else
# one that npm has brought. Packages run two at a time: they start
# kernels, browsers and trainings of their own.
test: export ASSAY_DATA ?= $(abspath ../shared/data)
test: setup $(VENV)/test
	go vet ./...
	export PATH="$(CURDIR)/$(VENV)/bin:$$PATH" ASSAY_CHROMIUM="$$(command -v chromium || command -v chromium-browser || command -v google-chrome || node experiments/web/testdata/chromium.mjs)"; \
	go test -p 2 -timeout 15m ./...

# The peers are installed into .venv on first use; BENCH=-quick only looks whether it works.
bench: export ASSAY_DATA ?= $(abspath ../shared/data)
bench: setup
	bin/assay version
	for b in bench/*/main.go; do go run ./$${b%/main.go} $(BENCH); done
	go test -run '^$$' -bench . -benchmem ./store/ ./gomlx_models/...

clean:
	rm -rf bin demo node_modules $(VENV) $(ECHARTS)
