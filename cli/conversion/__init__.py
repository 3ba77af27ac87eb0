"""Any CSV to events by a small mapping file (issue: ``hotline convert``).

Pure: rows in, events or misfits out. ``cli/convert.py`` opens the files. The mapping language is
described in ``deploy/mappings/README.md``.
"""

from cli.conversion.converter import Converted, Converter, Reject
from cli.conversion.mapping import Mapping, MappingError, load_mapping

__all__ = ["Converted", "Converter", "Mapping", "MappingError", "Reject", "load_mapping"]
