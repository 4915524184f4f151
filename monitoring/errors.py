"""The one error of this package."""


class CatalogError(Exception):
    """A file, override or question that cannot be honoured; the text says expected, found and what to do."""
