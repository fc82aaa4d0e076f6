"""Put first on PYTHONPATH by `spanwise run`: Python imports it before the program; then the user's own has its turn.

A Python that has no spanwise (another virtual environment, say) is told so in one line and runs on as it is.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_FOLDER = str(Path(__file__).parent)
sys.path[:] = [entry for entry in sys.path if entry != _FOLDER]

try:
    from spanwise.autostart import prepare
except ImportError as _error:
    sys.stderr.write(f"spanwise run: {sys.executable} has no spanwise installed, so it runs without ({_error}).\n")
else:
    prepare()

# The user's own of the same name, which this one has hidden: under its name, as if we had never been here.
_own = PathFinder.find_spec("sitecustomize", sys.path)
if _own is not None and _own.loader is not None:
    _module = module_from_spec(_own)
    sys.modules["sitecustomize"] = _module
    _own.loader.exec_module(_module)
