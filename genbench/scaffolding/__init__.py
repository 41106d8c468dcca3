"""Starting points for what users write themselves, from templates that travel with genbench."""

from genbench.scaffolding.names import PluginName
from genbench.scaffolding.sweeps import write_sweep
from genbench.scaffolding.writing import write_family

__all__ = ["PluginName", "write_family", "write_sweep"]
