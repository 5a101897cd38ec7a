# Makes .venv with pinned dependencies; sourced by quickstart and test. Run again at no cost.
# usage: environment EXTRAS TORCH   (TORCH: existing | cpu | cuda)
environment() {
  local extras="$1" torch="$2" constraints="$root/constraints.txt" stamp wanted site=()
  wanted="$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum) extras=$extras torch=$torch"
  stamp="$root/.venv/.gnnseg-$extras"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    echo "environment: $root/.venv is ready"
    return
  fi
  if [ "$torch" = existing ]; then
    python3 -c 'import torch; v = tuple(int(x) for x in torch.__version__.split("+")[0].split(".")[:2]); assert v >= (2, 6), torch.__version__' ||
      { echo "environment: --torch existing needs an installed torch >= 2.6 for $(command -v python3)" >&2; exit 2; }
    site=(--system-site-packages)
    mkdir -p "$root/.venv"
    grep -v -E '^torch==' "$constraints" > "$root/.venv/constraints.txt"
    constraints="$root/.venv/constraints.txt"
    echo "environment: the installed torch is kept, its pin dropped"
  fi
  if [ ! -x "$root/.venv/bin/python" ]; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
      { echo "environment: Python 3.11 or newer is needed; python3 is $(python3 --version)" >&2; exit 2; }
    echo "environment: making $root/.venv"
    python3 -m venv "${site[@]}" "$root/.venv"
  fi
  local python="$root/.venv/bin/python" installer=()
  "$python" -m uv --version > /dev/null 2>&1 || "$python" -m pip install --quiet --disable-pip-version-check uv > /dev/null 2>&1 || true
  if "$python" -m uv --version > /dev/null 2>&1; then
    installer=("$python" -m uv pip install --quiet --compile-bytecode --python "$python" -c "$constraints")
    if [ -n "${PIP_FIND_LINKS:-}" ]; then
      installer+=(--find-links "$PIP_FIND_LINKS")
      echo "environment: PIP_FIND_LINKS is set, so your configuration decides which torch is installed"
    elif [ "$torch" = cpu ]; then
      installer+=(--torch-backend cpu)
      echo "environment: torch for the CPU (--torch cuda for a GPU)"
    elif [ "$torch" = cuda ]; then
      installer+=(--torch-backend auto)
      echo "environment: torch for this machine's GPU"
    fi
    echo "environment: installing pinned dependencies with uv"
  else
    installer=("$python" -m pip install --quiet --disable-pip-version-check -c "$constraints")
    echo "environment: installing pinned dependencies with pip, whose configuration decides which torch is installed"
  fi
  "${installer[@]}" -e "$root[$extras]"
  echo "$wanted" > "$stamp"
}
