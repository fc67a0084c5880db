# make demo   a talking video from the shipped portrait (or IMAGE=me.jpg TEXT="..." / AUDIO=speech.wav)
# make test   everything that can be checked on this machine
# make check  style, types and import rules only
# make web    bundle three.js anew for the pages (needs npm; the bundle is part of the repository)

PYTHON ?= $(shell for p in python3.12 python3.11 python3.10 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMFYUI_DIR ?= $(HOME)/comfy/ComfyUI
OUT ?= output/demo.mp4

# The newest torchaudio, which ComfyUI imports, is built for the CUDA of this PyTorch and refuses a later one.
TORCH := "torch<2.15"
MEDIAPIPE := mediapipe==0.10.21
MEDIAPIPE_NEEDS := "protobuf>=4.25.3,<5" absl-py attrs flatbuffers sounddevice matplotlib

# A virtual environment whose making failed must not look made.
.DELETE_ON_ERROR:

.PHONY: demo test check format web clean

# A text may hold quotes and commas, so it goes through the environment.
export IMAGE TEXT AUDIO

demo: $(VENV)/run.stamp
	$(BIN)/python -m vlogger_core generate --out "$(OUT)" \
		$(if $(IMAGE),--image "$$IMAGE") $(if $(TEXT),--text "$$TEXT") $(if $(AUDIO),--audio "$$AUDIO") $(ARGS)

test: $(VENV)/test.stamp $(VENV)/comfyui.stamp check
	COMFYUI_DIR="$(COMFYUI_DIR)" $(BIN)/python -m pytest $(ARGS)

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed. Install one, or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

# mediapipe declares numpy<2 and packages that only its training tools use, so it comes alone beside what it runs on.
$(VENV)/run.stamp: requirements.txt | $(VENV)/bin/python
	@echo "Installing what the demo runs on (PyTorch is large: a few minutes)"
	$(PIP) $(TORCH) -r requirements.txt $(MEDIAPIPE_NEEDS)
	$(PIP) --no-deps $(MEDIAPIPE)
	@touch $@

$(VENV)/test.stamp: pyproject.toml $(VENV)/run.stamp
	@echo "Installing what the tests need"
	$(PIP) $(TORCH) $(MEDIAPIPE_NEEDS) $(shell sed -n '/^test = \[/,/^]/p' pyproject.toml | sed -n 's/.*\(".*"\).*/\1/p')
	@touch $@

# The tests that start a real ComfyUI run where there is one; its requirements must not undo mediapipe's protobuf.
$(VENV)/comfyui.stamp: $(wildcard $(COMFYUI_DIR)/requirements.txt) $(VENV)/test.stamp
	@if [ -f "$(COMFYUI_DIR)/requirements.txt" ]; then \
		echo "Installing the requirements of the ComfyUI in $(COMFYUI_DIR)"; \
		$(PIP) $(TORCH) -r "$(COMFYUI_DIR)/requirements.txt" $(MEDIAPIPE_NEEDS); fi
	@touch $@

web:
	cd web_src && npm ci --no-audit --no-fund && npm run build

clean:
	rm -rf $(VENV) output
