"""Any table, by a mapping file that says what becomes which event."""

from osler.sources.table.mapping import Mapping, parse_mapping, read_mapping
from osler.sources.table.reading import TableSource

__all__ = ["Mapping", "TableSource", "parse_mapping", "read_mapping"]
